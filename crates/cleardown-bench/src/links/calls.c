/* Calls one function of the C interface many times, and prints how many microseconds each call took.
   usage: calls ras COUNT | calls wnet COUNT DEVICE */
#include <windows.h>
#include <winnetwk.h>
#include <ras.h>
#include <raserror.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

static RASCONNA links[256];

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1e6 + t.tv_nsec / 1e3;
}

static DWORD enumerate(void)
{
    DWORD bytes = sizeof links, count = 0, result;
    links[0].dwSize = sizeof links[0];
    result = RasEnumConnectionsA(links, &bytes, &count);
    return result == 0 && count != 100 ? ERROR_INVALID_PARAMETER : result;
}

static DWORD connection(const char *device)
{
    char remote[256];
    DWORD length = sizeof remote;
    return WNetGetConnectionA(device, remote, &length);
}

int main(int argc, char **argv)
{
    int count = argc > 2 ? atoi(argv[2]) : 0;
    int ras = argc > 1 && strcmp(argv[1], "ras") == 0;
    for (int i = -1; i < count; i++) {
        double start = now();
        DWORD result = ras ? enumerate() : connection(argc > 3 ? argv[3] : "z:");
        double took = now() - start;
        if (result != 0) {
            fprintf(stderr, "error %lu\n", (unsigned long)result);
            return 1;
        }
        /* The first has made the connection. */
        if (i >= 0)
            printf("%.2f\n", took);
    }
    return 0;
}
