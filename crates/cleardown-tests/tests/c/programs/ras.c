/* The rules of RAS, as far as they need no dial. Prints each rule that is broken. */
#include <Windows.h>
#include <Ras.h>
#include <RasError.h>
#include <RasDlg.h>
#include <strsafe.h>
#include "rules.h"

/* The functions of RAS leave the last error alone. */
#define CALL(expected, call) (SetLastError(77), check_both(call, expected, 77, #call, __LINE__))

static TCHAR kept[] = TEXT("Kept"), other[] = TEXT("Other one");

static void errors(void)
{
    TCHAR text[128];
    int i;

    CALL(0, RasGetErrorString(676, text, 128));
    HOLDS(lstrcmp(text, TEXT("The line is busy.")) == 0);
    CALL(122, RasGetErrorString(676, text, 17));
    CALL(0, RasGetErrorString(676, text, 18));
    CALL(ERROR_INVALID_PARAMETER, RasGetErrorString(599, text, 128));
    CALL(ERROR_INVALID_PARAMETER, RasGetErrorString(676, NULL, 128));
    for (i = 600; i <= 870; i++)
        if (RasGetErrorString(i, text, 128) != 0)
            CALL(0, RasGetErrorString(i, text, 128));
}

static void connections(void)
{
    RASCONN links[3];
    RASCONNSTATUS status;
    RAS_STATS stats;
    HRASCONN handle = NULL;
    HANDLE event;
    BYTE buffer[256];
    DWORD size = sizeof links, count = 77;

    links[0].dwSize = sizeof links[0];
    CALL(ERROR_INVALID_PARAMETER, RasEnumConnections(links, NULL, &count));
    CALL(ERROR_INVALID_PARAMETER, RasEnumConnections(links, &size, NULL));
    links[0].dwSize = 7;
    CALL(ERROR_INVALID_SIZE, RasEnumConnections(links, &size, &count));
    HOLDS(count == 77);
    links[0].dwSize = sizeof links[0];
    CALL(0, RasEnumConnections(links, &size, &count));
    HOLDS(count == 0);
    size = 0;
    CALL(0, RasEnumConnections(NULL, &size, &count));

    CALL(ERROR_INVALID_HANDLE, RasHangUp(NULL));
    CALL(ERROR_INVALID_HANDLE, RasHangUp((HRASCONN)INVALID_HANDLE_VALUE));
    CALL(ERROR_INVALID_HANDLE, RasHangUp((HRASCONN)(ULONG_PTR)0x7fff0123456789));
    CALL(ERROR_INVALID_HANDLE, RasHangUp((HRASCONN)4));
    CALL(ERROR_INVALID_PARAMETER, RasGetConnectStatus((HRASCONN)4, NULL));
    status.dwSize = 5;
    CALL(ERROR_INVALID_SIZE, RasGetConnectStatus((HRASCONN)4, &status));
    status.dwSize = sizeof status;
    CALL(ERROR_INVALID_HANDLE, RasGetConnectStatus((HRASCONN)(ULONG_PTR)0x7fff0123456789, &status));
    stats.dwSize = sizeof stats;
    CALL(ERROR_INVALID_HANDLE, RasGetConnectionStatistics((HRASCONN)(ULONG_PTR)0x7fff0123456789, &stats));
    CALL(668, RasGetLinkStatistics((HRASCONN)4, 2, &stats));
    CALL(ERROR_INVALID_HANDLE, RasClearConnectionStatistics((HRASCONN)(ULONG_PTR)0x7fff0123456789));
    CALL(ERROR_INVALID_HANDLE, RasGetSubEntryHandle((HRASCONN)(ULONG_PTR)0x7fff0123456789, 1, &handle));
    size = sizeof buffer;
    CALL(ERROR_INVALID_HANDLE, RasGetProjectionInfo((HRASCONN)(ULONG_PTR)0x7fff0123456789, RASP_PppIp, buffer, &size));
    CALL(ERROR_INVALID_PARAMETER, RasGetProjectionInfo(NULL, RASP_PppIp, buffer, NULL));
    CALL(ERROR_INVALID_PARAMETER, RasConnectionNotification((HRASCONN)INVALID_HANDLE_VALUE, NULL, 3));
    event = CreateEvent(NULL, FALSE, FALSE, NULL);
    CALL(ERROR_INVALID_PARAMETER, RasConnectionNotification((HRASCONN)INVALID_HANDLE_VALUE, event, 0x100));
    CALL(0, RasConnectionNotification((HRASCONN)INVALID_HANDLE_VALUE, event, RASCN_Connection | RASCN_Disconnection));
    CALL(0, RasConnectionNotification((HRASCONN)INVALID_HANDLE_VALUE, event, RASCN_Dormant | RASCN_ReConnection));
    HOLDS(WaitForSingleObject(event, 0) == WAIT_TIMEOUT);
    CloseHandle(event);
}

static void entries(void)
{
    RASENTRYNAME names[4];
    RASENTRY entry;
    RASSUBENTRY line;
    DWORD size = 0, count = 77;

    CALL(0, RasEnumEntries(NULL, NULL, NULL, &size, &count));
    HOLDS(count == 0);
    CALL(621, RasEnumEntries(NULL, TEXT("C:\\other.pbk"), NULL, &size, &count));
    CALL(0, RasValidateEntryName(NULL, kept));
    CALL(ERROR_INVALID_NAME, RasValidateEntryName(NULL, TEXT("a/b")));
    CALL(ERROR_INVALID_NAME, RasValidateEntryName(NULL, TEXT(".123")));
    CALL(ERROR_INVALID_PARAMETER, RasValidateEntryName(NULL, NULL));
    CALL(ERROR_CANNOT_FIND_PHONEBOOK_ENTRY, RasDeleteEntry(NULL, kept));

    /* A new entry starts from what RAS proposes. */
    CALL(ERROR_INVALID_PARAMETER, RasGetEntryProperties(NULL, NULL, &entry, NULL, NULL, NULL));
    size = 0;
    CALL(ERROR_BUFFER_TOO_SMALL, RasGetEntryProperties(NULL, NULL, NULL, &size, NULL, NULL));
    HOLDS(size >= sizeof entry);
    entry.dwSize = 3;
    size = sizeof entry;
    CALL(ERROR_INVALID_SIZE, RasGetEntryProperties(NULL, NULL, &entry, &size, NULL, NULL));
    entry.dwSize = sizeof entry;
    CALL(0, RasGetEntryProperties(NULL, NULL, &entry, &size, NULL, NULL));
    HOLDS(entry.dwFramingProtocol == RASFP_Ppp && lstrcmp(entry.szDeviceType, RASDT_Modem) == 0);
    HOLDS(entry.dwSubEntries == 1 && entry.dwDialMode == RASEDM_DialAll && entry.dwIdleDisconnectSeconds == RASIDS_Disabled);
#if WINVER >= 0x601
    entry.dwfOptions2 = RASEO2_IPv6SpecificNameServers | RASEO2_IPv4ExplicitMetric;
    entry.dwIPv4InterfaceMetric = 77;
    entry.ipv6addrDns.s6_addr[0] = 0xfd;
    entry.ipv6addrDns.s6_addr[15] = 9;
#endif
    StringCchCopy(entry.szDeviceName, RAS_MaxDeviceName + 1, TEXT("/dev/ttyS7"));
    StringCchCopy(entry.szLocalPhoneNumber, RAS_MaxPhoneNumber + 1, TEXT("555-1234"));
    entry.dwfOptions = RASEO_RemoteDefaultGateway | RASEO_SpecificNameServers;
    entry.ipaddrDns.a = 192;
    entry.ipaddrDns.d = 9;
    entry.dwIdleDisconnectSeconds = 600;
    CALL(0, RasSetEntryProperties(NULL, other, &entry, sizeof entry, NULL, 0));
    CALL(ERROR_ALREADY_EXISTS, RasValidateEntryName(NULL, other));
    StringCchCopy(entry.szDeviceType, RAS_MaxDeviceType + 1, TEXT("isdn"));
    CALL(663, RasSetEntryProperties(NULL, kept, &entry, sizeof entry, NULL, 0));
    CALL(0, RasRenameEntry(NULL, other, kept));
    CALL(ERROR_CANNOT_FIND_PHONEBOOK_ENTRY, RasRenameEntry(NULL, other, kept));

    memset(&entry, 0xee, sizeof entry);
    entry.dwSize = size = sizeof entry;
    CALL(0, RasGetEntryProperties(NULL, kept, &entry, &size, NULL, NULL));
    HOLDS(lstrcmp(entry.szLocalPhoneNumber, TEXT("555-1234")) == 0);
    HOLDS(entry.dwfOptions == (RASEO_RemoteDefaultGateway | RASEO_SpecificNameServers));
    HOLDS(entry.ipaddrDns.a == 192 && entry.ipaddrDns.d == 9 && entry.dwIdleDisconnectSeconds == 600);
#if WINVER >= 0x601
    HOLDS(entry.dwfOptions2 == (RASEO2_IPv6SpecificNameServers | RASEO2_IPv4ExplicitMetric | RASEO2_IPv6ExplicitMetric |
                                RASEO2_IPv6RemoteDefaultGateway));
    HOLDS(entry.dwIPv4InterfaceMetric == 77 && entry.ipv6addrDns.s6_addr[0] == 0xfd && entry.ipv6addrDns.s6_addr[15] == 9);
    HOLDS(entry.dwType == RASET_Phone && entry.dwVpnStrategy == VS_Default && entry.guidId.Data1 != 0);
#endif
    line.dwSize = size = sizeof line;
    CALL(0, RasGetSubEntryProperties(NULL, kept, 1, &line, &size, NULL, NULL));
    HOLDS(lstrcmp(line.szDeviceName, TEXT("/dev/ttyS7")) == 0);
    CALL(ERROR_CANNOT_FIND_PHONEBOOK_ENTRY, RasGetSubEntryProperties(NULL, kept, 2, &line, &size, NULL, NULL));
    CALL(ERROR_NOT_SUPPORTED, RasDeleteSubEntry(NULL, kept, 1));
    CALL(ERROR_CANNOT_FIND_PHONEBOOK_ENTRY, RasDeleteSubEntry(NULL, kept, 2));
    CALL(ERROR_CANNOT_FIND_PHONEBOOK_ENTRY, RasDeleteSubEntry(NULL, other, 1));

    size = sizeof names;
    names[0].dwSize = sizeof names[0];
    CALL(0, RasEnumEntries(NULL, NULL, names, &size, &count));
    HOLDS(count == 1 && size == sizeof names[0] && lstrcmp(names[0].szEntryName, kept) == 0);
    size = sizeof names[0] - 1;
    CALL(ERROR_BUFFER_TOO_SMALL, RasEnumEntries(NULL, NULL, names, &size, &count));
    HOLDS(count == 1 && size == sizeof names[0]);
    names[0].dwSize = 11;
    size = sizeof names;
    CALL(ERROR_INVALID_SIZE, RasEnumEntries(NULL, NULL, names, &size, &count));
}

/* Phone books that are named: a folder of entries, and a file that Windows wrote. */
static void books(void)
{
    static TCHAR windows[] = TEXT("windows.pbk"), folder[] = TEXT("book"), inside[] = TEXT("Inside");
    RASENTRYNAME names[4];
    RASENTRY entry;
    RASDIALPARAMS params;
    BOOL saved = 77;
    DWORD size = sizeof names, count = 77;

    names[0].dwSize = sizeof names[0];
    CALL(0, RasEnumEntries(NULL, windows, names, &size, &count));
    HOLDS(count == 1 && lstrcmp(names[0].szEntryName, TEXT("Line out")) == 0);
#if WINVER >= 0x500
    /* The path leads there from everywhere. */
    HOLDS(names[0].szPhonebookPath[0] == '/');
    HOLDS(lstrcmp(names[0].szPhonebookPath + lstrlen(names[0].szPhonebookPath) - lstrlen(windows), windows) == 0);
    CALL(0, RasValidateEntryName(names[0].szPhonebookPath, kept));
#endif
    CALL(ERROR_ALREADY_EXISTS, RasValidateEntryName(windows, TEXT("line OUT")));
    CALL(0, RasValidateEntryName(windows, kept));
    entry.dwSize = size = sizeof entry;
    CALL(0, RasGetEntryProperties(windows, TEXT("Line out"), &entry, &size, NULL, NULL));
    HOLDS(lstrcmp(entry.szLocalPhoneNumber, TEXT("555-4321")) == 0);
    CALL(ERROR_CANNOT_WRITE_PHONEBOOK, RasSetEntryProperties(windows, TEXT("Line out"), &entry, sizeof entry, NULL, 0));
    CALL(ERROR_CANNOT_WRITE_PHONEBOOK, RasRenameEntry(windows, TEXT("Line out"), inside));
    CALL(ERROR_CANNOT_WRITE_PHONEBOOK, RasDeleteEntry(windows, TEXT("Line out")));
    CALL(ERROR_CANNOT_LOAD_PHONEBOOK, RasEnumEntries(NULL, TEXT("nonsense.pbk"), names, &size, &count));
    CALL(ERROR_CANNOT_LOAD_PHONEBOOK, RasEnumEntries(NULL, TEXT("/dev/null"), names, &size, &count));
    CALL(ERROR_CANNOT_FIND_PHONEBOOK_ENTRY, RasGetEntryProperties(windows, kept, &entry, &size, NULL, NULL));

    size = sizeof names;
    CALL(0, RasEnumEntries(NULL, folder, names, &size, &count));
    HOLDS(count == 0);
    CALL(0, RasSetEntryProperties(folder, inside, &entry, sizeof entry, NULL, 0));
    CALL(0, RasValidateEntryName(NULL, inside));
    memset(&params, 0, sizeof params);
    params.dwSize = sizeof params;
    StringCchCopy(params.szEntryName, RAS_MaxEntryName + 1, inside);
    StringCchCopy(params.szUserName, UNLEN + 1, TEXT("adam"));
    CALL(0, RasSetEntryDialParams(folder, &params, FALSE));
    StringCchCopy(params.szPassword, PWLEN + 1, TEXT("hunter2"));
    CALL(ERROR_NOT_SUPPORTED, RasSetEntryDialParams(folder, &params, FALSE));
    params.szUserName[0] = 0;
    CALL(0, RasGetEntryDialParams(folder, &params, &saved));
    HOLDS(!saved && lstrcmp(params.szUserName, TEXT("adam")) == 0);
    size = sizeof names;
    CALL(0, RasEnumEntries(NULL, folder, names, &size, &count));
    HOLDS(count == 1 && lstrcmp(names[0].szEntryName, inside) == 0);
    CALL(0, RasDeleteEntry(folder, inside));

#if WINVER >= 0x500
    /* The path of the usual book leads there again. */
    size = sizeof names;
    CALL(0, RasEnumEntries(NULL, NULL, names, &size, &count));
    CALL(0, RasEnumEntries(NULL, names[0].szPhonebookPath, names, &size, &count));
    HOLDS(count == 1 && lstrcmp(names[0].szEntryName, kept) == 0);
#endif
}

static void credentials(void)
{
    RASDIALPARAMS params;
    RASCREDENTIALS given;
    BOOL saved = 77;

    memset(&params, 0, sizeof params);
    CALL(ERROR_INVALID_SIZE, RasGetEntryDialParams(NULL, &params, &saved));
    params.dwSize = sizeof params;
    StringCchCopy(params.szEntryName, RAS_MaxEntryName + 1, kept);
    CALL(0, RasGetEntryDialParams(NULL, &params, &saved));
    HOLDS(!saved && params.szUserName[0] == 0 && params.szPassword[0] == 0);
    StringCchCopy(params.szUserName, UNLEN + 1, TEXT("eve"));
    StringCchCopy(params.szDomain, DNLEN + 1, TEXT("DOM"));
    StringCchCopy(params.szPassword, PWLEN + 1, TEXT("hunter2"));
    CALL(0, RasSetEntryDialParams(NULL, &params, FALSE));
    memset(&params, 0, sizeof params);
    params.dwSize = sizeof params;
    StringCchCopy(params.szEntryName, RAS_MaxEntryName + 1, kept);
    CALL(0, RasGetEntryDialParams(NULL, &params, &saved));
    HOLDS(saved && lstrcmp(params.szUserName, TEXT("eve")) == 0 && lstrcmp(params.szDomain, TEXT("DOM")) == 0);
    HOLDS(params.szPassword[0] == '*');

    memset(&given, 0, sizeof given);
    given.dwSize = sizeof given;
    given.dwMask = RASCM_UserName | RASCM_Password;
    CALL(0, RasGetCredentials(NULL, kept, &given));
    HOLDS(given.dwMask == (RASCM_UserName | RASCM_Password) && given.szDomain[0] == 0 && given.szPassword[0] == '*');
    given.dwMask = RASCM_Password;
    CALL(0, RasSetCredentials(NULL, kept, &given, TRUE));
    CALL(0, RasGetEntryDialParams(NULL, &params, &saved));
    HOLDS(!saved && lstrcmp(params.szUserName, TEXT("eve")) == 0);
    CALL(ERROR_CANNOT_FIND_PHONEBOOK_ENTRY, RasGetCredentials(NULL, other, &given));
}

static void devices(void)
{
    static RASDEVINFO infos[64];
    BYTE room[512];
    RASCTRYINFO *country = (RASCTRYINFO *)room;
    DWORD size = 0, count = 0, next, found = 0, i;

    CALL(ERROR_BUFFER_TOO_SMALL, RasEnumDevices(NULL, &size, &count));
    HOLDS(count >= 4 && size == count * sizeof infos[0]);
    CALL(ERROR_INVALID_PARAMETER, RasEnumDevices(NULL, NULL, &count));
    size = sizeof infos;
    infos[0].dwSize = 9;
    count = 77;
    CALL(ERROR_INVALID_SIZE, RasEnumDevices(infos, &size, &count));
    HOLDS(count == 77);
    infos[0].dwSize = sizeof infos[0];
    CALL(0, RasEnumDevices(infos, &size, &count));
    for (i = 0; i < count; i++)
        found += lstrcmp(infos[i].szDeviceName, TEXT("WireGuard")) == 0;
    HOLDS(found == 1);

    found = 0;
    next = 0;
    do {
        country->dwSize = sizeof *country;
        country->dwCountryID = next;
        size = sizeof room;
        CALL(0, RasGetCountryInfo(country, &size));
        found += country->dwCountryCode == 49;
        next = country->dwNextCountryID;
    } while (next);
    HOLDS(found == 1);
    country->dwSize = 3;
    CALL(ERROR_INVALID_SIZE, RasGetCountryInfo(country, &size));
}

/* No window is ever opened, and nothing needs extensible authentication. */
static void windows(void)
{
    RASDIALDLG dial;
    RASENTRYDLG entry;
    RASPBDLG book;
    RASEAPUSERIDENTITY *identity = (RASEAPUSERIDENTITY *)&dial;

    memset(&dial, 0, sizeof dial);
    memset(&entry, 0, sizeof entry);
    memset(&book, 0, sizeof book);
    dial.dwSize = sizeof dial;
    entry.dwSize = sizeof entry;
    book.dwSize = sizeof book;
    HOLDS(!RasDialDlg(NULL, kept, NULL, &dial) && dial.dwError == ERROR_NOT_SUPPORTED);
    HOLDS(!RasEntryDlg(NULL, kept, &entry) && entry.dwError == ERROR_NOT_SUPPORTED);
    HOLDS(!RasPhonebookDlg(NULL, kept, &book) && book.dwError == ERROR_NOT_SUPPORTED);
    HOLDS(!RasDialDlg(NULL, kept, NULL, NULL));
    CALL(ERROR_INVALID_FUNCTION_FOR_ENTRY, RasGetEapUserIdentity(NULL, kept, RASEAPF_NonInteractive, NULL, &identity));
    HOLDS(identity == NULL);
    RasFreeEapUserIdentity(identity);
}

static void dialling(void)
{
    RASDIALPARAMS params;
    HRASCONN link = NULL, there = (HRASCONN)8;

    memset(&params, 0, sizeof params);
    params.dwSize = sizeof params;
    CALL(ERROR_INVALID_PARAMETER, RasDial(NULL, NULL, NULL, 0, NULL, &link));
    CALL(ERROR_INVALID_PARAMETER, RasDial(NULL, NULL, &params, 0, NULL, NULL));
    CALL(ERROR_INVALID_PARAMETER, RasDial(NULL, NULL, &params, 0, NULL, &there));
    CALL(ERROR_CANNOT_FIND_PHONEBOOK_ENTRY, RasDial(NULL, NULL, &params, 0, NULL, &link));
    StringCchCopy(params.szEntryName, RAS_MaxEntryName + 1, TEXT("Nobody"));
    CALL(ERROR_CANNOT_FIND_PHONEBOOK_ENTRY, RasDial(NULL, NULL, &params, 0, NULL, &link));
    CALL(ERROR_INVALID_PARAMETER, RasDial(NULL, NULL, &params, 0xFFFFFFFF, (LPVOID)&link, &link));
    params.dwSize = 1;
    CALL(ERROR_INVALID_SIZE, RasDial(NULL, NULL, &params, 0, NULL, &link));
    HOLDS(link == NULL);
    CALL(ERROR_NOT_SUPPORTED, RasGetAutodialEnable(0, NULL));
    CALL(ERROR_NOT_SUPPORTED, RasUpdateConnection(NULL, NULL));
}

int main(void)
{
    errors();
    connections();
    entries();
    books();
    credentials();
    devices();
    windows();
    dialling();
    printf("%d rules are broken\n", broken);
    return broken != 0;
}
