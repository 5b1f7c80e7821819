/* Callers that are careless, many, or forked: robust MODE [SECONDS [FILE]].
 *
 *     careless    NULL, absurd sizes and flags, handles that are none
 *     threads     sixteen at a time
 *     fork        a child of a process that has called already
 *     ask         asks again and again for so many seconds, or until a file is there, and prints each answer that it has not
 *                 had before
 */
#include <windows.h>
#include <winnetwk.h>
#include <ras.h>
#include <raserror.h>
#include <pthread.h>
#include <sys/wait.h>
#include <unistd.h>

/* A number that is different each time and the same in each run. */
static unsigned long long seed = 88172645463325252ULL;
static unsigned dice(unsigned sides)
{
    seed ^= seed << 13;
    seed ^= seed >> 7;
    seed ^= seed << 17;
    return (unsigned)(seed % sides);
}

/* A size: too small, just so, or absurd. The buffers are as large as the largest that is true. */
static DWORD size_of(DWORD real)
{
    static const DWORD odd[] = {0, 1, 3, 4, 7, 47, 48, 271, 272};
    return dice(2) ? real : odd[dice(9)];
}

static int careless(void)
{
    static BYTE buffer[65536];
    static const char *names[] = {"", "z:", "q:", "\\\\nowhere.invalid", "a/b", "//", "\\\\", "...", "%s%n", "\xff\xfe", ".123"};
    NETRESOURCEA resource;
    HANDLE handle = NULL;
    HRASCONN link = NULL;
    DWORD size, count, code;
    char *name, *text = (char *)buffer;
    int i;

    for (i = 0; i < 400; i++) {
        name = dice(12) ? (char *)names[dice(11)] : NULL;
        size = size_of(sizeof buffer);
        count = dice(2) ? 0xFFFFFFFF : dice(4);
        memset(&resource, 0, sizeof resource);
        resource.dwType = dice(9);
        resource.lpLocalName = dice(2) ? name : NULL;
        resource.lpProvider = dice(3) ? NULL : name;
        switch (dice(24)) {
        case 0: WNetGetConnectionA(name, dice(4) ? text : NULL, dice(9) ? &size : NULL); break;
        case 1: WNetGetUserA(name, dice(4) ? text : NULL, dice(9) ? &size : NULL); break;
        case 2: WNetGetUniversalNameA(name, dice(4), dice(4) ? buffer : NULL, dice(9) ? &size : NULL); break;
        case 3: WNetCancelConnection2A(name, dice(2) ? 0 : 0xFFFFFFFF, dice(2)); break;
        case 4: WNetOpenEnumA(dice(8), dice(16), dice(64), dice(4) ? NULL : &resource, dice(9) ? &handle : NULL); break;
        case 5: WNetEnumResourceA(handle, dice(9) ? &count : NULL, dice(9) ? buffer : NULL, dice(9) ? &size : NULL); break;
        case 6: WNetCloseEnum(dice(2) ? handle : (HANDLE)(ULONG_PTR)dice(0xFFFFFFFF)); break;
        case 7: WNetGetResourceInformationA(&resource, buffer, &size, dice(4) ? &name : NULL); break;
        case 8: WNetGetResourceParentA(dice(4) ? &resource : NULL, buffer, &size); break;
        case 9: WNetGetProviderNameA(dice(2) << 17, text, &size); break;
        case 10: WNetGetLastErrorA(dice(9) ? &code : NULL, text, size, text + 32768, dice(32768)); break;
        case 11: WNetSetLastErrorA(dice(9), name, name); break;
        case 12: WNetAddConnection2A(dice(4) ? &resource : NULL, name, name, dice(0xFFFFFFFF)); break;
        case 13: WNetGetNetworkInformationA(name, NULL); break;
        case 14: *(DWORD *)buffer = size_of(sizeof(RASCONNA)); RasEnumConnectionsA((RASCONNA *)buffer, dice(9) ? &size : NULL, &count); break;
        case 15: RasHangUpA((HRASCONN)(ULONG_PTR)dice(0xFFFFFFFF)); break;
        case 16: *(DWORD *)buffer = size_of(sizeof(RASCONNSTATUSA)); RasGetConnectStatusA((HRASCONN)(ULONG_PTR)dice(99), (RASCONNSTATUSA *)buffer); break;
        case 17: RasGetErrorStringA(dice(1000), dice(9) ? text : NULL, size); break;
        case 18: *(DWORD *)buffer = size_of(sizeof(RASENTRYNAMEA)); RasEnumEntriesA(name, dice(4) ? NULL : name, (RASENTRYNAMEA *)buffer, &size, &count); break;
        case 19: *(DWORD *)buffer = size_of(sizeof(RASENTRYA)); RasGetEntryPropertiesA(NULL, name, (RASENTRYA *)buffer, &size, NULL, NULL); break;
        case 20: memset(buffer, dice(256), sizeof(RASDIALPARAMSA)); *(DWORD *)buffer = size_of(sizeof(RASDIALPARAMSA)); link = NULL; RasGetEntryDialParamsA(NULL, (RASDIALPARAMSA *)buffer, NULL); break;
        case 21: memset(buffer, 'x', sizeof(RASDIALPARAMSA)); *(DWORD *)buffer = size_of(sizeof(RASDIALPARAMSA)); RasDialA(NULL, NULL, (RASDIALPARAMSA *)buffer, dice(4), NULL, dice(9) ? &link : NULL); break;
        case 22: *(DWORD *)buffer = size_of(sizeof(RASDEVINFOA)); RasEnumDevicesA((RASDEVINFOA *)buffer, &size, &count); break;
        default: RasValidateEntryNameA(NULL, name); RasDeleteEntryA(NULL, name); RasRenameEntryA(NULL, name, name); break;
        }
    }
    printf("alive\n");
    return 0;
}

static void *call_often(void *unused)
{
    char remote[MAX_PATH];
    NETRESOURCEA buffer[64];
    HANDLE handle;
    DWORD size, count, i;
    size_t failures = 0;

    (void)unused;
    for (i = 0; i < 10; i++) {
        size = sizeof remote;
        failures += WNetGetConnectionA("q:", remote, &size) != ERROR_NOT_CONNECTED;
        failures += GetLastError() != ERROR_NOT_CONNECTED;
        failures += WNetOpenEnumA(RESOURCE_CONNECTED, 0, 0, NULL, &handle) != NO_ERROR;
        count = 0xFFFFFFFF;
        size = sizeof buffer;
        failures += WNetEnumResourceA(handle, &count, buffer, &size) != ERROR_NO_MORE_ITEMS;
        failures += WNetCloseEnum(handle) != NO_ERROR;
        failures += WNetCloseEnum(handle) != ERROR_INVALID_HANDLE;
    }
    return (void *)failures;
}

static int threads(void)
{
    pthread_t all[16];
    void *failures;
    size_t sum = 0;
    int i;

    for (i = 0; i < 16; i++)
        if (pthread_create(&all[i], NULL, call_often, NULL) != 0)
            return 2;
    for (i = 0; i < 16; i++) {
        pthread_join(all[i], &failures);
        sum += (size_t)failures;
    }
    printf("%zu failures\n", sum);
    return sum != 0;
}

static int forked(void)
{
    int status = 0;
    size_t failures = (size_t)call_often(NULL);
    pid_t child = fork();

    failures += (size_t)call_often(NULL);
    if (child == 0)
        _exit(failures != 0);
    waitpid(child, &status, 0);
    failures += status != 0;
    failures += (size_t)call_often(NULL);
    printf("%zu failures\n", failures);
    return failures != 0;
}

static int ask(int seconds, const char *until)
{
    static BYTE seen[4096];
    char text[512], provider[64];
    DWORD code, size, end = GetTickCount() + seconds * 1000;
    RASCONNA links[4];

    while ((int)(end - GetTickCount()) > 0 && access(until, F_OK) != 0) {
        DWORD count = 0;
        size = MAX_PATH;
        code = WNetGetConnectionA("q:", text, &size);
        if (!seen[code % 4096]++) {
            printf("WNet %u\n", code);
            if (code != ERROR_NOT_CONNECTED && WNetGetLastErrorA(&size, text, sizeof text, provider, sizeof provider) == 0)
                printf("  %s: %s\n", provider, text);
        }
        size = sizeof links;
        links[0].dwSize = sizeof links[0];
        code = RasEnumConnectionsA(links, &size, &count);
        if (!seen[code % 4096]++)
            printf("RAS %u\n", code);
        fflush(stdout);
        Sleep(5);
    }
    return 0;
}

int main(int argc, char **argv)
{
    const char *mode = argc > 1 ? argv[1] : "";

    if (strcmp(mode, "careless") == 0)
        return careless();
    if (strcmp(mode, "threads") == 0)
        return threads();
    if (strcmp(mode, "fork") == 0)
        return forked();
    if (strcmp(mode, "ask") == 0)
        return ask(argc > 2 ? atoi(argv[2]) : 1, argc > 3 ? argv[3] : "");
    return 2;
}
