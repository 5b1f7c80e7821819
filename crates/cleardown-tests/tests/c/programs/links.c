/* The rules of RAS that need links: links FIRST SECOND DEAD, where nobody answers a dial of DEAD. Prints each rule that is broken. */
#include <windows.h>
#include <ras.h>
#include <raserror.h>
#include <strsafe.h>
#include <arpa/inet.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>
#include "rules.h"

#define CALL(expected, call) check(call, expected, #call, __LINE__)

static RASDIALPARAMSA params;
static HANDLE over;
static int calls, errors_told;
static DWORD in_callback, last_error;
static RASCONNSTATE last_state;
static HRASCONN told;
static enum { LISTEN, DIAL, HANG_UP, ENOUGH } wish;
static pthread_t caller, teller;

/* All calls of one dial come in one thread, which is not the caller's; each state is entered once, from the first to the last. */
static void heard(RASCONNSTATE state, DWORD error)
{
    static unsigned char entered[RASCS_Disconnected + 1];

    if (calls == 0) {
        teller = pthread_self();
        memset(entered, 0, sizeof entered);
        HOLDS(state == RASCS_OpenPort || error != 0);
    }
    HOLDS(pthread_equal(teller, pthread_self()) && !pthread_equal(teller, caller));
    HOLDS(state <= RASCS_Disconnected && (error != 0 || entered[state]++ == 0));
    HOLDS(errors_told == 0 && !entered[RASCS_Disconnected]);
    HOLDS(state == RASCS_Connected || !entered[RASCS_Connected]);
    calls++;
    last_state = state;
    last_error = error;
    errors_told += error != 0;
    if (error != 0 || (state & RASCS_DONE))
        SetEvent(over);
}

static VOID WINAPI plain(UINT message, RASCONNSTATE state, DWORD error)
{
    HOLDS(message == WM_RASDIALEVENT);
    heard(state, error);
}

static VOID WINAPI with_handle(HRASCONN link, UINT message, RASCONNSTATE state, DWORD error, DWORD extended)
{
    HRASCONN other = NULL;

    HOLDS(message == WM_RASDIALEVENT && extended == 0 && link != NULL);
    HOLDS(told == NULL || told == link);
    told = link;
    if (wish == DIAL && calls == 0)
        in_callback = RasDialA(NULL, NULL, &params, 0, NULL, &other);
    if (wish == HANG_UP && calls == 0)
        in_callback = RasHangUpA(link);
    heard(state, error);
}

static DWORD WINAPI with_id(ULONG_PTR id, DWORD line, HRASCONN link, UINT message, RASCONNSTATE state, DWORD error, DWORD extended)
{
    (void)link;
    HOLDS(id == 0x1234567890 && line == 1 && message == WM_RASDIALEVENT && extended == 0);
    heard(state, error);
    return wish != ENOUGH;
}

static DWORD count_links(RASCONNA *first)
{
    RASCONNA links[8];
    DWORD size = sizeof links, count = 99;

    links[0].dwSize = sizeof links[0];
    CALL(0, RasEnumConnectionsA(links, &size, &count));
    if (count && first)
        *first = links[0];
    return count;
}

/* After the last hang-up there is no such handle. */
static void is_free(HRASCONN link)
{
    RASCONNSTATUSA status;

    status.dwSize = sizeof status;
    CALL(ERROR_INVALID_HANDLE, RasGetConnectStatusA(link, &status));
    CALL(ERROR_NO_CONNECTION, RasHangUpA(link));
}

static void start(void)
{
    calls = errors_told = 0;
    told = NULL;
    ResetEvent(over);
}

/* Where a link in the list comes from, and whose it is; the same in both encodings. */
static void listed(const RASCONNA *link)
{
    static const GUID none;
    static const DWORD sizes[] = {272, 416, 680, 696, 708, 724};
    RASCONNA every[2];
    RASCONNW wide[2];
    RASENTRYA entry;
    WCHAR book[MAX_PATH];
    DWORD size = sizeof entry, count = 0, i;

    HOLDS(strcmp(link->szDeviceType, RASDT_Vpn) == 0 && strstr(link->szDeviceName, ".sock") && link->dwSubEntry == 1);
    HOLDS(RASCF_IsOwner(link->dwFlags) && !(link->dwFlags & RASCF_AllUsers) == (geteuid() != 0));
    HOLDS(link->szPhonebook[0] == '/' && memcmp(&link->guidCorrelationId, &none, sizeof none) != 0);
    entry.dwSize = sizeof entry;
    CALL(0, RasGetEntryPropertiesA(link->szPhonebook, link->szEntryName, &entry, &size, NULL, NULL));
    HOLDS(memcmp(&entry.guidId, &link->guidEntry, sizeof none) == 0 && memcmp(&entry.guidId, &none, sizeof none) != 0);

    for (i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
        every[0].dwSize = sizes[i];
        size = sizeof every;
        CALL(0, RasEnumConnectionsA(every, &size, &count));
        HOLDS(count == 1 && size == sizes[i] && every[0].dwSize == sizes[i] && every[0].hrasconn == link->hrasconn);
    }
    every[0].dwSize = sizeof every[0];
    size = sizeof every[0] - 1;
    count = 99;
    CALL(ERROR_BUFFER_TOO_SMALL, RasEnumConnectionsA(every, &size, &count));
    HOLDS(count == 1 && size == sizeof every[0]);
    size = 0;
    CALL(ERROR_BUFFER_TOO_SMALL, RasEnumConnectionsA(NULL, &size, &count));
    HOLDS(count == 1 && size == sizeof every[0]);

    wide[0].dwSize = sizeof wide[0];
    size = sizeof wide;
    CALL(0, RasEnumConnectionsW(wide, &size, &count));
    MultiByteToWideChar(CP_UTF8, 0, link->szPhonebook, -1, book, MAX_PATH);
    HOLDS(count == 1 && lstrcmpW(wide[0].szPhonebook, book) == 0 && wide[0].hrasconn == link->hrasconn);
    HOLDS(wide[0].dwFlags == link->dwFlags && memcmp(&wide[0].guidEntry, &link->guidEntry, sizeof none) == 0);
}

static void synchronous(void)
{
    HRASCONN link = NULL, again = NULL, line = NULL;
    RASCONNA first;
    RASCONNSTATUSA status;
    RASPPPIPA ip;
    RAS_PROJECTION_INFO both;
    char text[32];
    RAS_STATS stats;
    HANDLE changed = CreateEventA(NULL, FALSE, FALSE, NULL);
    DWORD size;

    CALL(0, RasConnectionNotificationA((HRASCONN)INVALID_HANDLE_VALUE, changed, RASCN_Connection | RASCN_Disconnection));
    CALL(0, RasDialA(NULL, NULL, &params, 0, NULL, &link));
    HOLDS(link != NULL);
    HOLDS(WaitForSingleObject(changed, 20000) == WAIT_OBJECT_0);
    HOLDS(count_links(&first) == 1 && first.hrasconn == link && strcmp(first.szEntryName, params.szEntryName) == 0);
    listed(&first);
    status.dwSize = sizeof status;
    CALL(0, RasGetConnectStatusA(link, &status));
    HOLDS(status.rasconnstate == RASCS_Connected && status.dwError == 0 && status.rasconnsubstate == RASCSS_None);
    HOLDS(strcmp(status.szDeviceType, RASDT_Vpn) == 0 && strstr(status.szDeviceName, ".sock") && status.szPhoneNumber[0]);
    HOLDS(status.remoteEndPoint.dwType == RASTUNNELENDPOINT_UNKNOWN);
    CALL(0, RasGetSubEntryHandleA(link, 1, &line));
    HOLDS(line == link);
    CALL(ERROR_NO_CONNECTION, RasGetSubEntryHandleA(link, 2, &line));
    ip.dwSize = size = sizeof ip;
    CALL(0, RasGetProjectionInfoA(link, RASP_PppIp, &ip, &size));
    HOLDS(strchr(ip.szIpAddress, '.') && strchr(ip.szServerIpAddress, '.') && strcmp(ip.szIpAddress, ip.szServerIpAddress) != 0);
    size = 3;
    CALL(ERROR_BUFFER_TOO_SMALL, RasGetProjectionInfoA(link, RASP_PppIp, &ip, &size));
    CALL(731, RasGetProjectionInfoA(link, RASP_PppIpx, &ip, &size));
    size = 0;
    CALL(ERROR_BUFFER_TOO_SMALL, RasGetProjectionInfoEx(link, NULL, &size));
    HOLDS(size == sizeof both);
    both.version = (RASAPIVERSION)5;
    CALL(ERROR_INVALID_SIZE, RasGetProjectionInfoEx(link, &both, &size));
    both.version = RASAPIVERSION_601;
    CALL(0, RasGetProjectionInfoEx(link, &both, &size));
    HOLDS(both.type == PROJECTION_INFO_TYPE_PPP && both.ppp.dwIPv4NegotiationError == 0);
    inet_ntop(AF_INET, &both.ppp.ipv4Address, text, sizeof text);
    HOLDS(strcmp(text, ip.szIpAddress) == 0);
    CALL(ERROR_INVALID_PARAMETER, RasGetProjectionInfoEx(link, &both, NULL));
    stats.dwSize = sizeof stats;
    CALL(0, RasGetConnectionStatistics(link, &stats));
    CALL(0, RasClearConnectionStatistics(link));

    /* Each dial is a reference, and needs its hang-up. */
    CALL(0, RasDialA(NULL, NULL, &params, 0, NULL, &again));
    HOLDS(again == link && count_links(NULL) == 1);
    CALL(0, RasHangUpA(link));
    HOLDS(count_links(NULL) == 1);
    CALL(0, RasHangUpA(link));
    HOLDS(count_links(NULL) == 0);
    is_free(link);
    CALL(ERROR_INVALID_HANDLE, RasGetProjectionInfoEx(link, &both, &size));
    HOLDS(WaitForSingleObject(changed, 20000) == WAIT_OBJECT_0);
    CloseHandle(changed);
}

static void asynchronous(void)
{
    HRASCONN link = NULL;
    int before;

    start();
    CALL(0, RasDialA(NULL, NULL, &params, 0, (LPVOID)plain, &link));
    HOLDS(link != NULL);
    HOLDS(WaitForSingleObject(over, 60000) == WAIT_OBJECT_0);
    HOLDS(last_state == RASCS_Connected && last_error == 0 && calls > 2 && errors_told == 0);
    CALL(0, RasHangUpA(link));
    is_free(link);

    /* A callback must not dial. */
    start();
    link = NULL;
    wish = DIAL;
    CALL(0, RasDialA(NULL, NULL, &params, 1, (LPVOID)with_handle, &link));
    HOLDS(WaitForSingleObject(over, 60000) == WAIT_OBJECT_0);
    HOLDS(in_callback == ERROR_DIAL_ALREADY_IN_PROGRESS && told == link && last_state == RASCS_Connected);
    CALL(0, RasHangUpA(link));

    /* It may hang up, in the middle of the dial. */
    start();
    link = NULL;
    wish = HANG_UP;
    in_callback = 77;
    CALL(0, RasDialA(NULL, NULL, &params, 1, (LPVOID)with_handle, &link));
    HOLDS(WaitForSingleObject(over, 60000) == WAIT_OBJECT_0);
    HOLDS(in_callback == 0 && count_links(NULL) == 0);
    CALL(ERROR_NO_CONNECTION, RasHangUpA(link));

    /* The newest notifier has the caller's number, and can have enough. */
    start();
    link = NULL;
    wish = ENOUGH;
    params.dwCallbackId = 0x1234567890;
    CALL(0, RasDialA(NULL, NULL, &params, 2, (LPVOID)with_id, &link));
    while (count_links(NULL) == 0)
        Sleep(20);
    HOLDS(calls == 1);
    CALL(0, RasHangUpA(link));
    wish = LISTEN;
    start();
    link = NULL;
    CALL(0, RasDialA(NULL, NULL, &params, 2, (LPVOID)with_id, &link));
    HOLDS(WaitForSingleObject(over, 60000) == WAIT_OBJECT_0);
    before = calls;
    HOLDS(last_state == RASCS_Connected && before > 2);
    CALL(0, RasHangUpA(link));
    HOLDS(calls == before);
}

/* Two dials at a time: all calls of each come in one thread. */
static struct {
    pthread_t thread;
    int calls, strays;
    HANDLE over;
} dials[2];

static DWORD WINAPI of_two(ULONG_PTR id, DWORD line, HRASCONN link, UINT message, RASCONNSTATE state, DWORD error, DWORD extended)
{
    (void)line, (void)link, (void)message, (void)extended;
    if (dials[id].calls++ == 0)
        dials[id].thread = pthread_self();
    dials[id].strays += !pthread_equal(dials[id].thread, pthread_self());
    if (error != 0 || (state & RASCS_DONE))
        SetEvent(dials[id].over);
    return 1;
}

static void two_at_once(const char *second)
{
    RASDIALPARAMSA others = params;
    HRASCONN links[2] = {NULL, NULL};
    HANDLE both[2];
    int i;

    StringCchCopyA(others.szEntryName, sizeof others.szEntryName, second);
    for (i = 0; i < 2; i++)
        both[i] = dials[i].over = CreateEventA(NULL, TRUE, FALSE, NULL);
    params.dwCallbackId = 0;
    others.dwCallbackId = 1;
    CALL(0, RasDialA(NULL, NULL, &params, 2, (LPVOID)of_two, &links[0]));
    CALL(0, RasDialA(NULL, NULL, &others, 2, (LPVOID)of_two, &links[1]));
    HOLDS(links[0] != links[1]);
    HOLDS(WaitForMultipleObjects(2, both, TRUE, 60000) == WAIT_OBJECT_0);
    HOLDS(dials[0].strays == 0 && dials[1].strays == 0);
    HOLDS(count_links(NULL) == 2);
    for (i = 0; i < 2; i++) {
        CALL(0, RasHangUpA(links[i]));
        is_free(links[i]);
        CloseHandle(both[i]);
    }
}

/* A child of a process that dials may ask and end as its parent may, and its end disturbs nobody. Not with the AddressSanitizer
   of older compilers: unlike malloc's, its locks may be left behind by the fork. */
#ifndef __SANITIZE_ADDRESS__
static void forked_in_mid_dial(void)
{
    HRASCONN link = NULL;
    RASCONNSTATUSA status;
    RASCONNA links[4];
    DWORD size = sizeof links, count = 0;
    int outcome = 0;
    pid_t child;

    start();
    CALL(0, RasDialA(NULL, NULL, &params, 0, (LPVOID)plain, &link));
    child = fork();
    if (child == 0) {
        broken = 0;
        status.dwSize = sizeof status;
        links[0].dwSize = sizeof links[0];
        CALL(0, RasGetConnectStatusA(link, &status));
        CALL(0, RasEnumConnectionsA(links, &size, &count));
        fflush(stdout);
        _exit(broken != 0);
    }
    HOLDS(waitpid(child, &outcome, 0) == child && outcome == 0);
    HOLDS(WaitForSingleObject(over, 60000) == WAIT_OBJECT_0);
    HOLDS(last_state == RASCS_Connected && last_error == 0);
    child = fork();
    if (child == 0)
        _exit(RasHangUpA(link) != 0);
    HOLDS(waitpid(child, &outcome, 0) == child && outcome == 0);
    is_free(link);
}
#endif

/* The event of one link is set by that link only. */
static void notified_of_one(const char *second)
{
    RASDIALPARAMSA others = params;
    HRASCONN link = NULL, other = NULL;
    HANDLE gone = CreateEventA(NULL, FALSE, FALSE, NULL);

    StringCchCopyA(others.szEntryName, sizeof others.szEntryName, second);
    CALL(0, RasDialA(NULL, NULL, &params, 0, NULL, &link));
    CALL(0, RasDialA(NULL, NULL, &others, 0, NULL, &other));
    CALL(0, RasConnectionNotificationA(link, gone, RASCN_Disconnection));
    CALL(0, RasHangUpA(other));
    HOLDS(WaitForSingleObject(gone, 300) == WAIT_TIMEOUT);
    CALL(0, RasHangUpA(link));
    HOLDS(WaitForSingleObject(gone, 20000) == WAIT_OBJECT_0);
    CALL(ERROR_INVALID_HANDLE, RasConnectionNotificationA(link, gone, RASCN_Disconnection));
    CloseHandle(gone);
}

static void failing(const char *dead)
{
    HRASCONN link = NULL;
    RASCONNSTATUSA status;

    StringCchCopyA(params.szEntryName, sizeof params.szEntryName, dead);
    CALL(ERROR_PORT_NOT_FOUND, RasDialA(NULL, NULL, &params, 0, NULL, &link));
    HOLDS(link != NULL);
    status.dwSize = sizeof status;
    CALL(0, RasGetConnectStatusA(link, &status));
    HOLDS(status.rasconnstate == RASCS_Disconnected && status.dwError == ERROR_PORT_NOT_FOUND);
    CALL(ERROR_NO_CONNECTION, RasHangUpA(link));

    start();
    link = NULL;
    CALL(0, RasDialA(NULL, NULL, &params, 1, (LPVOID)with_handle, &link));
    HOLDS(link != NULL);
    HOLDS(WaitForSingleObject(over, 60000) == WAIT_OBJECT_0);
    HOLDS(last_error == ERROR_PORT_NOT_FOUND && errors_told == 1);
    RasHangUpA(link);
}

int main(int argc, char **argv)
{
    if (argc != 4)
        return 2;
    caller = pthread_self();
    over = CreateEventA(NULL, TRUE, FALSE, NULL);
    params.dwSize = sizeof params;
    StringCchCopyA(params.szEntryName, sizeof params.szEntryName, argv[1]);
    synchronous();
    asynchronous();
    two_at_once(argv[2]);
    notified_of_one(argv[2]);
#ifndef __SANITIZE_ADDRESS__
    forked_in_mid_dial();
#endif
    failing(argv[3]);
    printf("%d rules are broken\n", broken);
    return broken != 0;
}
