/* Hangs up every link, and waits until each line is free.
 *
 * RasHangUp returns when that is so; a program that is to work elsewhere too waits as the documentation says: until
 * RasGetConnectStatus answers that there is no such handle.
 */
#include <stdio.h>
#include <stdlib.h>
#include <windows.h>
#include <ras.h>
#include <raserror.h>

static void ras_error(const char *function, DWORD error)
{
    char text[256];

    if (RasGetErrorStringA(error, text, sizeof text) != 0)
        text[0] = 0;
    fprintf(stderr, "%s failed: error %u %s\n", function, error, text);
}

static void wait_for_reset(HRASCONN link)
{
    RASCONNSTATUSA status;
    int tries;

    for (tries = 0; tries < 300; tries++) {
        status.dwSize = sizeof status;
        if (RasGetConnectStatusA(link, &status) == ERROR_INVALID_HANDLE)
            return;
        Sleep(100);
    }
}

int main(void)
{
    RASCONNA one, *links = &one, *own = NULL;
    DWORD size = sizeof one, count = 0, error, i, failures = 0;

    one.dwSize = sizeof one;
    error = RasEnumConnectionsA(links, &size, &count);
    while (error == ERROR_BUFFER_TOO_SMALL) {
        free(own);
        own = links = (RASCONNA *)calloc(1, size);
        if (!links)
            return 2;
        links[0].dwSize = sizeof one;
        error = RasEnumConnectionsA(links, &size, &count);
    }
    if (error != 0) {
        ras_error("RasEnumConnections", error);
        free(own);
        return 2;
    }
    for (i = 0; i < count; i++) {
        error = RasHangUpA(links[i].hrasconn);
        if (error != 0) {
            ras_error("RasHangUp", error);
            failures++;
            continue;
        }
        wait_for_reset(links[i].hrasconn);
        printf("%s has ended (%s %s is free)\n", links[i].szEntryName, links[i].szDeviceType, links[i].szDeviceName);
    }
    if (count == 0)
        printf("There are no links.\n");
    free(own);
    return failures != 0;
}
