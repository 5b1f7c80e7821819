/* The size of each structure for the version that WINVER names. With OBJECT nothing is run: each size is that of a symbol. */
#include <windows.h>
#include <winnetwk.h>
#include <ras.h>

#define ALL(SIZE) \
    SIZE(RASCONN) SIZE(RASCONNSTATUS) SIZE(RASENTRYNAME) SIZE(RASDEVINFO) SIZE(RASDIALPARAMS) SIZE(RASDIALEXTENSIONS) \
    SIZE(RASCREDENTIALS) SIZE(RASENTRY) SIZE(RASSUBENTRY) SIZE(RAS_STATS) SIZE(RASPPPIP) SIZE(RASPPPIPV6) SIZE(RASCTRYINFO) \
    SIZE(RAS_PROJECTION_INFO) SIZE(NETRESOURCE) SIZE(UNIVERSAL_NAME_INFO) SIZE(REMOTE_NAME_INFO) SIZE(NETINFOSTRUCT) \
    SIZE(NETCONNECTINFOSTRUCT) SIZE(CONNECTDLGSTRUCT) SIZE(DISCDLGSTRUCT)

#ifdef OBJECT
#define SYMBOL(type) char size_of_##type[sizeof(type)];
ALL(SYMBOL)
#else
#define PRINT(type) printf(#type " %zu\n", sizeof(type));

int main(void)
{
    ALL(PRINT)
    return 0;
}
#endif
