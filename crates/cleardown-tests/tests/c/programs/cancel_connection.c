/* The equivalent of the documentation's example of ending a network drive. */
#include <stdio.h>
#include <Windows.h>
#include <Winnetwk.h>

int main(void)
{
    DWORD dwResult = WNetCancelConnection2("z:", CONNECT_UPDATE_PROFILE, FALSE);

    if (dwResult == ERROR_NOT_CONNECTED) {
        printf("Drive z: not connected.\n");
        return dwResult;
    } else if (dwResult != NO_ERROR) {
        printf("WNetCancelConnection2 failed.\n");
        return dwResult;
    }
    printf("Connection closed for z: drive.\n");
    return 0;
}
