/* Lists the links, and ends the one whose number is typed. */
#include <stdio.h>
#include <stdlib.h>
#include <windows.h>
#include <ras.h>
#include <raserror.h>

#define MOST 20

int main(void)
{
    RASCONNA links[MOST];
    RASCONNSTATUSA status;
    RAS_STATS stats;
    DWORD size = sizeof links, count = 0, error, i;
    char line[16];
    unsigned long choice;

    links[0].dwSize = sizeof links[0];
    error = RasEnumConnectionsA(links, &size, &count);
    if (error != 0) {
        fprintf(stderr, "the links cannot be listed: error %u\n", error);
        return 2;
    }
    for (i = 0; i < count; i++) {
        status.dwSize = sizeof status;
        stats.dwSize = sizeof stats;
        if (RasGetConnectStatusA(links[i].hrasconn, &status) != 0)
            status.rasconnstate = RASCS_Disconnected;
        if (RasGetConnectionStatistics(links[i].hrasconn, &stats) != 0)
            memset(&stats, 0, sizeof stats);
        printf("%u  %-20s %-8s %-24s state %-5u %u s, %u/%u bytes\n", i + 1, links[i].szEntryName,
               links[i].szDeviceType, links[i].szDeviceName, (unsigned)status.rasconnstate,
               stats.dwConnectDuration / 1000, stats.dwBytesRcved, stats.dwBytesXmited);
    }
    if (count == 0) {
        printf("There are no links.\n");
        return 0;
    }

    printf("End which? (1-%u, nothing: none) ", count);
    fflush(stdout);
    if (!fgets(line, sizeof line, stdin))
        return 0;
    choice = strtoul(line, NULL, 10);
    if (choice < 1 || choice > count)
        return 0;
    error = RasHangUpA(links[choice - 1].hrasconn);
    if (error != 0) {
        fprintf(stderr, "%s cannot be ended: error %u\n", links[choice - 1].szEntryName, error);
        return 1;
    }
    printf("%s has ended\n", links[choice - 1].szEntryName);
    return 0;
}
