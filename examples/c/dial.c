/* Dials an entry of the phone book, and shows each step.
 *
 *     dial ENTRY [USER] [hangup] < password
 *
 * With "hangup" the link is hung up again once it is connected; otherwise it stays when this program has ended.
 */
#include <stdio.h>
#include <string.h>
#include <windows.h>
#include <ras.h>
#include <raserror.h>
#include <strsafe.h>

static HANDLE done;
static DWORD outcome;

/* Called in a thread of its own, in order, once for each step. */
static VOID WINAPI step(HRASCONN link, UINT message, RASCONNSTATE state, DWORD error, DWORD extended)
{
    char text[256] = "";

    UNREFERENCED_PARAMETER(link);
    UNREFERENCED_PARAMETER(extended);
    if (message != WM_RASDIALEVENT)
        return;
    if (error != 0 && RasGetErrorStringA(error, text, sizeof text) != 0)
        text[0] = 0;
    printf("state %u error %u %s\n", (unsigned)state, error, text);
    fflush(stdout);
    if (error != 0 || (state & RASCS_DONE)) {
        outcome = error;
        SetEvent(done);
    }
}

int main(int argc, char **argv)
{
    RASDIALPARAMSA params;
    HRASCONN link = NULL;
    DWORD error;
    int i, hang_up = 0;

    if (argc < 2) {
        fprintf(stderr, "usage: dial ENTRY [USER] [hangup] < password\n");
        return 2;
    }
    memset(&params, 0, sizeof params);
    params.dwSize = sizeof params;
    StringCchCopyA(params.szEntryName, sizeof params.szEntryName, argv[1]);
    for (i = 2; i < argc; i++) {
        if (strcmp(argv[i], "hangup") == 0)
            hang_up = 1;
        else
            StringCchCopyA(params.szUserName, sizeof params.szUserName, argv[i]);
    }
    if (params.szUserName[0] && fgets(params.szPassword, sizeof params.szPassword, stdin))
        params.szPassword[strcspn(params.szPassword, "\n")] = 0;

    done = CreateEventA(NULL, TRUE, FALSE, NULL);
    error = RasDialA(NULL, NULL, &params, 1, (LPVOID)step, &link);
    memset(params.szPassword, 0, sizeof params.szPassword);
    if (error == 0) {
        WaitForSingleObject(done, INFINITE);
        error = outcome;
    }
    /* A handle that was given must be hung up also when the dial has failed. */
    if (link && (error != 0 || hang_up)) {
        DWORD hung_up = RasHangUpA(link);
        printf("hung up: %u\n", hung_up);
    }
    if (error == 0)
        printf("connected\n");
    else
        printf("failed: %u\n", error);
    CloseHandle(done);
    return error != 0;
}
