/* Many threads dial and hang up one entry again and again: storm ENTRY ROUNDS. A dial that gives 0 has given a handle and a
 * reference, whatever the others do at that moment, and its hang-up gives 0. Prints each rule that is broken. */
#include <windows.h>
#include <ras.h>
#include <raserror.h>
#include <strsafe.h>
#include <pthread.h>
#include "rules.h"

#define THREADS 8

static pthread_mutex_t one = PTHREAD_MUTEX_INITIALIZER;
static RASDIALPARAMSA params;
static int rounds;

/* What must be 0. */
static void expect(DWORD got, const char *what, int thread, int round)
{
    if (got == 0)
        return;
    pthread_mutex_lock(&one);
    broken++;
    printf("thread %d, round %d: %s gave %u\n", thread, round, what, got);
    pthread_mutex_unlock(&one);
}

/* What a notifier has heard of its dial. Never freed: it may still have something to tell after the hang-up. */
struct heard {
    HANDLE over;
    DWORD error;
};

static DWORD WINAPI told(ULONG_PTR id, DWORD line, HRASCONN link, UINT message, RASCONNSTATE state, DWORD error, DWORD extended)
{
    struct heard *heard = (struct heard *)id;

    (void)line, (void)link, (void)message, (void)extended;
    if (error != 0 || (state & RASCS_DONE)) {
        heard->error = error;
        SetEvent(heard->over);
    }
    return 1;
}

/* Waits for the link, or hangs up in mid-dial. */
static void dial(int thread, int round)
{
    RASDIALPARAMSA own = params;
    struct heard *heard = (struct heard *)calloc(1, sizeof *heard);
    RASCONNSTATUSA status;
    HRASCONN link = NULL;
    int asynchronous = thread % 2, waits = round % 2;
    DWORD code;

    heard->over = CreateEventA(NULL, TRUE, FALSE, NULL);
    own.dwCallbackId = (ULONG_PTR)heard;
    code = RasDialA(NULL, NULL, &own, 2, asynchronous ? (LPVOID)told : NULL, &link);
    expect(code, asynchronous ? "RasDial" : "RasDial, waiting", thread, round);
    if (link == NULL) {
        expect(code == 0, "a dial without a handle", thread, round);
        return;
    }
    if (asynchronous && waits) {
        expect(WaitForSingleObject(heard->over, 120000), "waiting for the link", thread, round);
        expect(heard->error, "a dial, in its notifier", thread, round);
    }
    /* The reference is ours: the link cannot go before the hang-up. */
    status.dwSize = sizeof status;
    expect(RasGetConnectStatusA(link, &status), "RasGetConnectStatus", thread, round);
    if (!asynchronous || waits)
        expect(status.rasconnstate ^ RASCS_Connected, "the state of a link that is connected", thread, round);
    expect(RasHangUpA(link), "RasHangUp", thread, round);
}

static void *storm(void *argument)
{
    int thread = (int)(ULONG_PTR)argument, round;

    for (round = 0; round < rounds; round++)
        dial(thread, round);
    return NULL;
}

int main(int argc, char **argv)
{
    pthread_t threads[THREADS];
    DWORD size = 0, count = 99;
    int i;

    if (argc != 3)
        return 2;
    rounds = atoi(argv[2]);
    params.dwSize = sizeof params;
    StringCchCopyA(params.szEntryName, sizeof params.szEntryName, argv[1]);
    for (i = 0; i < THREADS; i++)
        pthread_create(&threads[i], NULL, storm, (void *)(ULONG_PTR)i);
    for (i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
    check(RasEnumConnectionsA(NULL, &size, &count), 0, "RasEnumConnections", __LINE__);
    HOLDS(count == 0);
    printf("%d rules are broken\n", broken);
    return broken != 0;
}
