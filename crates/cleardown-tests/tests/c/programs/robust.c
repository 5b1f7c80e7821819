/* Callers that are many, or forked: robust MODE [SECONDS [FILE]].
 *
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

    if (strcmp(mode, "threads") == 0)
        return threads();
    if (strcmp(mode, "fork") == 0)
        return forked();
    if (strcmp(mode, "ask") == 0)
        return ask(argc > 2 ? atoi(argv[2]) : 1, argc > 3 ? argv[3] : "");
    return 2;
}
