/* Prints the size of each structure that has versions, for the version that WINVER names. */
#include <windows.h>
#include <ras.h>

#define SIZE(type) printf(#type " %zu\n", sizeof(type));

int main(void)
{
    SIZE(RASCONN)
    SIZE(RASCONNSTATUS)
    SIZE(RASENTRYNAME)
    SIZE(RASDEVINFO)
    SIZE(RASDIALPARAMS)
    SIZE(RASDIALEXTENSIONS)
    SIZE(RASCREDENTIALS)
    SIZE(RASENTRY)
    SIZE(RASSUBENTRY)
    SIZE(RAS_STATS)
    SIZE(RASPPPIP)
    SIZE(RASPPPIPV6)
    return 0;
}
