/* Links over a modem: modem NUMBER. Dials the number alone, in the words of RAS, and watches it to its end; then hangs up in the
 * middle of a dial, from another thread. The modem is slow. Prints each rule that is broken. */
#include <windows.h>
#include <ras.h>
#include <raserror.h>
#include <strsafe.h>
#include <pthread.h>
#include "rules.h"

#define CALL(expected, call) check(call, expected, #call, __LINE__)

static RASDIALPARAMSA params;
static HANDLE dialling, over;
static DWORD last_error;

static void *hang_up(void *link)
{
    CALL(0, RasHangUpA((HRASCONN)link));
    return NULL;
}

/* From the hang-up on, the link is disconnected until the modem has reset; then there is no such handle. */
static void watch_to_the_end(HRASCONN link)
{
    RASCONNSTATUSA status;
    pthread_t thread;
    int draining = 0;
    DWORD code;

    status.dwSize = sizeof status;
    CALL(0, RasGetConnectStatusA(link, &status));
    HOLDS(pthread_create(&thread, NULL, hang_up, link) == 0);
    while ((code = RasGetConnectStatusA(link, &status)) == 0) {
        HOLDS(draining == 0 || status.rasconnstate == RASCS_Disconnected);
        draining += status.rasconnstate == RASCS_Disconnected;
        Sleep(1);
    }
    HOLDS(draining > 0);
    check(code, ERROR_INVALID_HANDLE, "the last RasGetConnectStatus", __LINE__);
    pthread_join(thread, NULL);
    CALL(ERROR_INVALID_HANDLE, RasGetConnectStatusA(link, &status));
    CALL(ERROR_NO_CONNECTION, RasHangUpA(link));
}

static void by_number(const char *number)
{
    HRASCONN link = NULL;
    RASCONNA all[4];
    RASCONNSTATUSA status;
    DWORD size = sizeof all, count = 0;
    char expected[160];

    CALL(0, RasDialA(NULL, NULL, &params, 0, NULL, &link));
    all[0].dwSize = sizeof all[0];
    CALL(0, RasEnumConnectionsA(all, &size, &count));
    sprintf_s(expected, sizeof expected, ".%s", number);
    HOLDS(count == 1 && all[0].hrasconn == link && strcmp(all[0].szEntryName, expected) == 0);
    HOLDS(strcmp(all[0].szDeviceType, RASDT_Modem) == 0 && strncmp(all[0].szDeviceName, "/dev/", 5) == 0);
    status.dwSize = sizeof status;
    CALL(0, RasGetConnectStatusA(link, &status));
    HOLDS(strcmp(status.szPhoneNumber, number) == 0 && status.rasconnstate == RASCS_Connected);
    watch_to_the_end(link);
}

static VOID WINAPI heard(UINT message, RASCONNSTATE state, DWORD error)
{
    (void)message;
    if (state == RASCS_ConnectDevice && error == 0)
        SetEvent(dialling);
    if (error != 0 || (state & RASCS_DONE)) {
        last_error = error;
        SetEvent(over);
    }
}

static void in_mid_dial(void)
{
    HRASCONN link = NULL;

    CALL(0, RasDialA(NULL, NULL, &params, 0, (LPVOID)heard, &link));
    HOLDS(WaitForSingleObject(dialling, 60000) == WAIT_OBJECT_0);
    watch_to_the_end(link);
    HOLDS(WaitForSingleObject(over, 60000) == WAIT_OBJECT_0);
    HOLDS(last_error == ERROR_USER_DISCONNECTION);
}

int main(int argc, char **argv)
{
    if (argc != 2)
        return 2;
    dialling = CreateEventA(NULL, TRUE, FALSE, NULL);
    over = CreateEventA(NULL, TRUE, FALSE, NULL);
    params.dwSize = sizeof params;
    StringCchCopyA(params.szPhoneNumber, sizeof params.szPhoneNumber, argv[1]);
    StringCchCopyA(params.szUserName, sizeof params.szUserName, "eve");
    by_number(argv[1]);
    in_mid_dial();
    printf("%d rules are broken\n", broken);
    return broken != 0;
}
