/* The rules of WNet, function by function: wnet REMOTE FOLDER < password. Prints each rule that is broken. */
#include <Windows.h>
#include <WinNetWk.h>
#include <StrSafe.h>
#include <tchar.h>
#include "rules.h"

#define LONGEST_PASSWORD 4096

/* The functions of WNet set the last error to what they give. */
#define CALL(expected, call) check_both(call, expected, expected, #call, __LINE__)

#ifdef UNICODE
static LPTSTR own(const char *text)
{
    static WCHAR places[4][MAX_PATH];
    static int next;
    LPTSTR place = places[next++ % 4];
    MultiByteToWideChar(CP_UTF8, 0, text, -1, place, MAX_PATH);
    return place;
}
#else
#define own(text) ((LPTSTR)(text))
#endif

static TCHAR z[] = TEXT("z:"), Z[] = TEXT("Z"), y[] = TEXT("y:"), eve[] = TEXT("eve"), none[] = TEXT("");

static void adding(LPTSTR remote, LPTSTR password)
{
    static TCHAR long_password[LONGEST_PASSWORD + 2];
    TCHAR long_name[400], name[MAX_PATH], print[] = TEXT("LPT1"), bad_provider[] = TEXT("Nobody");
    TCHAR windows[] = TEXT("Microsoft Windows Network"), sftp[] = TEXT("Cleardown SFTP");
    NETRESOURCE resource;
    DWORD size, outcome;

    memset(&resource, 0, sizeof resource);
    CALL(ERROR_INVALID_ADDRESS, WNetAddConnection2(NULL, NULL, NULL, 0));
    resource.dwType = 7;
    resource.lpRemoteName = remote;
    CALL(ERROR_INVALID_PARAMETER, WNetAddConnection2(&resource, password, eve, 0));
    resource.dwType = RESOURCETYPE_PRINT;
    resource.lpLocalName = print;
    CALL(ERROR_BAD_DEV_TYPE, WNetAddConnection2(&resource, password, eve, 0));
    resource.dwType = RESOURCETYPE_DISK;
    resource.lpLocalName = z;
    CALL(ERROR_INVALID_PARAMETER, WNetAddConnection2(&resource, password, eve, 0x80000000u));
    resource.lpRemoteName = NULL;
    CALL(ERROR_BAD_NET_NAME, WNetAddConnection2(&resource, password, eve, 0));
    for (size = 0; size < 399; size++)
        long_name[size] = 'x';
    long_name[0] = long_name[1] = long_name[3] = '\\';
    long_name[399] = 0;
    resource.lpRemoteName = long_name;
    CALL(ERROR_BAD_NET_NAME, WNetAddConnection2(&resource, password, eve, 0));
    resource.lpRemoteName = remote;
    resource.lpLocalName = long_name;
    CALL(ERROR_BAD_DEVICE, WNetAddConnection2(&resource, password, eve, 0));
    resource.lpLocalName = z;
    resource.lpProvider = bad_provider;
    CALL(ERROR_BAD_PROVIDER, WNetAddConnection2(&resource, password, eve, 0));
    resource.lpProvider = sftp;
    CALL(ERROR_NO_NET_OR_BAD_PATH, WNetAddConnection2(&resource, password, eve, 0));
    resource.lpProvider = windows;
    resource.dwType = RESOURCETYPE_ANY;
    CALL(ERROR_INVALID_PARAMETER, WNetAddConnection2(&resource, password, eve, CONNECT_REDIRECT));
    resource.dwType = RESOURCETYPE_DISK;
    CALL(ERROR_INVALID_PARAMETER, WNetAddConnection2(&resource, password, eve, CONNECT_REQUIRE_PRIVACY));
    CALL(ERROR_LOGON_FAILURE, WNetAddConnection2(&resource, none, eve, 0));
    CALL(ERROR_BAD_USERNAME, WNetAddConnection2(&resource, password, own("a\nb"), 0));
    for (size = 0; size <= LONGEST_PASSWORD; size++)
        long_password[size] = 'x';
    CALL(ERROR_INVALID_PASSWORD, WNetAddConnection2(&resource, long_password, eve, 0));

    /* WNetUseConnection does nothing when the name does not fit. */
    CALL(ERROR_INVALID_PARAMETER, WNetUseConnection(NULL, &resource, password, eve, 0, name, NULL, NULL));
    size = 0;
    CALL(ERROR_INVALID_PARAMETER, WNetUseConnection(NULL, &resource, password, eve, 0, name, &size, NULL));
    size = 2;
    CALL(ERROR_MORE_DATA, WNetUseConnection(NULL, &resource, password, eve, 0, name, &size, NULL));
    HOLDS(size == 3);
    CALL(ERROR_NOT_SUPPORTED, WNetAddConnection4(NULL, &resource, password, 8, 0, NULL, 0));
    CALL(ERROR_NOT_SUPPORTED, WNetUseConnection4(NULL, &resource, NULL, 0, 0, (BYTE *)password, 8, name, &size, NULL));
    CALL(ERROR_INVALID_ADDRESS, WNetAddConnection4(NULL, NULL, NULL, 0, 0, NULL, 0));
    size = MAX_PATH;
    CALL(ERROR_NOT_CONNECTED, WNetGetConnection(z, name, &size));
    CALL(NO_ERROR, WNetUseConnection(NULL, &resource, password, eve, CONNECT_UPDATE_PROFILE, name, &size, &outcome));
    HOLDS(lstrcmpi(name, z) == 0 && outcome == CONNECT_LOCALDRIVE);
    CALL(ERROR_ALREADY_ASSIGNED, WNetAddConnection2(&resource, password, eve, 0));
    CALL(ERROR_ALREADY_ASSIGNED, WNetAddConnection3(NULL, &resource, password, eve, 0));

    /* A connection without a local name. */
    resource.lpLocalName = none;
    size = MAX_PATH;
    CALL(NO_ERROR, WNetUseConnection(NULL, &resource, password, eve, CONNECT_UPDATE_PROFILE, name, &size, &outcome));
    HOLDS(lstrcmpi(name, remote) == 0 && outcome == 0);
    resource.lpLocalName = NULL;
    CALL(NO_ERROR, WNetAddConnection2(&resource, password, eve, 0));
    CALL(ERROR_INVALID_PARAMETER, WNetCancelConnection2(remote, CONNECT_REFCOUNT, TRUE));
    CALL(NO_ERROR, WNetCancelConnection2(remote, CONNECT_REFCOUNT, FALSE));
    CALL(NO_ERROR, WNetCancelConnection2(remote, CONNECT_REFCOUNT, FALSE));
    CALL(ERROR_NOT_CONNECTED, WNetCancelConnection2(remote, 0, FALSE));
    size = MAX_PATH;
    CALL(NO_ERROR, WNetGetConnection(z, name, &size)); /* the drive to the same place stays */
}

/* The server's share of pipes has no folders: it is there to log on. */
static void logging_on(LPTSTR remote, LPTSTR password)
{
    TCHAR pipes[MAX_PATH];
    NETRESOURCE resource;
    int at;

    memset(&resource, 0, sizeof resource);
    StringCchCopy(pipes, MAX_PATH, remote);
    for (at = lstrlen(pipes); at > 0 && pipes[at - 1] != '/' && pipes[at - 1] != '\\'; at--)
        ;
    StringCchCopy(pipes + at, MAX_PATH - at, own("IPC$"));
    resource.lpRemoteName = pipes;
    resource.lpLocalName = y;
    CALL(ERROR_BAD_DEV_TYPE, WNetAddConnection2(&resource, password, eve, 0));
    resource.lpLocalName = NULL;
    CALL(NO_ERROR, WNetAddConnection2(&resource, password, eve, 0));
    CALL(NO_ERROR, WNetCancelConnection2(pipes, 0, FALSE));
    CALL(ERROR_NOT_CONNECTED, WNetCancelConnection2(pipes, 0, FALSE));
}

static void asking(LPTSTR remote, LPTSTR mounted)
{
    BYTE buffer[2048];
    TCHAR name[MAX_PATH], expected[MAX_PATH];
    DWORD size, needed;
    REMOTE_NAME_INFO *info = (REMOTE_NAME_INFO *)buffer;
    UNIVERSAL_NAME_INFO *universal = (UNIVERSAL_NAME_INFO *)buffer;

    CALL(ERROR_INVALID_ADDRESS, WNetGetConnection(NULL, name, &size));
    CALL(ERROR_INVALID_ADDRESS, WNetGetConnection(z, name, NULL));
    size = MAX_PATH;
    CALL(ERROR_BAD_DEVICE, WNetGetConnection(own("a/b"), name, &size));
    CALL(ERROR_NOT_CONNECTED, WNetGetConnection(own("q:"), name, &size));
    size = 0;
    CALL(ERROR_MORE_DATA, WNetGetConnection(z, NULL, &size));
    HOLDS(size == (DWORD)lstrlen(remote) + 1);
    needed = size--;
    CALL(ERROR_MORE_DATA, WNetGetConnection(z, name, &size));
    HOLDS(size == needed);
    CALL(NO_ERROR, WNetGetConnection(Z, name, &size));
    HOLDS(lstrcmp(name, remote) == 0);

    size = MAX_PATH;
    CALL(NO_ERROR, WNetGetUser(z, name, &size));
    HOLDS(lstrcmp(name, eve) == 0);
    size = MAX_PATH;
    CALL(NO_ERROR, WNetGetUser(NULL, name, &size));
    HOLDS(lstrcmp(name, own("nobody")) == 0);
    size = 1;
    CALL(ERROR_MORE_DATA, WNetGetUser(NULL, name, &size));
    HOLDS(size == 7);
    CALL(ERROR_NOT_CONNECTED, WNetGetUser(own("q:"), name, &size));

    CALL(ERROR_INVALID_ADDRESS, WNetGetUniversalName(z, UNIVERSAL_NAME_INFO_LEVEL, buffer, NULL));
    size = 0;
    CALL(ERROR_INVALID_PARAMETER, WNetGetUniversalName(z, 3, buffer, &size));
    CALL(ERROR_BAD_DEVICE, WNetGetUniversalName(own("nowhere"), UNIVERSAL_NAME_INFO_LEVEL, buffer, &size));
    CALL(ERROR_NOT_CONNECTED, WNetGetUniversalName(own("q:\\x"), UNIVERSAL_NAME_INFO_LEVEL, buffer, &size));
    CALL(ERROR_MORE_DATA, WNetGetUniversalName(own("z:\\a/b"), UNIVERSAL_NAME_INFO_LEVEL, buffer, &size));
    needed = size;
    CALL(NO_ERROR, WNetGetUniversalName(own("z:\\a/b"), UNIVERSAL_NAME_INFO_LEVEL, buffer, &size));
    StringCchPrintf(expected, MAX_PATH, TEXT("%s\\a\\b"), remote);
    HOLDS(lstrcmp(universal->lpUniversalName, expected) == 0);
    HOLDS(needed == sizeof(UNIVERSAL_NAME_INFO) + (lstrlen(expected) + 1) * sizeof(TCHAR));
    StringCchPrintf(name, MAX_PATH, TEXT("%s/%s"), mounted, TEXT("a"));
    size = sizeof buffer;
    CALL(NO_ERROR, WNetGetUniversalName(name, REMOTE_NAME_INFO_LEVEL, buffer, &size));
    HOLDS(lstrcmp(info->lpConnectionName, remote) == 0 && lstrcmp(info->lpRemainingPath, own("\\a")) == 0);
}

static void enumerating(LPTSTR remote)
{
    NETRESOURCE buffer[32], container;
    HANDLE handle;
    DWORD size = sizeof buffer, count = 1, needed;

    CALL(ERROR_INVALID_ADDRESS, WNetOpenEnum(RESOURCE_CONNECTED, 0, 0, NULL, NULL));
    CALL(ERROR_INVALID_PARAMETER, WNetOpenEnum(99, 0, 0, NULL, &handle));
    CALL(ERROR_INVALID_PARAMETER, WNetOpenEnum(RESOURCE_CONNECTED, 0x40, 0, NULL, &handle));
    CALL(ERROR_INVALID_PARAMETER, WNetOpenEnum(RESOURCE_CONNECTED, 0, 0x40, NULL, &handle));
    CALL(ERROR_INVALID_PARAMETER, WNetOpenEnum(RESOURCE_CONNECTED, 0, 0, buffer, &handle));
    CALL(NO_ERROR, WNetOpenEnum(RESOURCE_RECENT, 0, 0, NULL, &handle));
    CALL(ERROR_NO_MORE_ITEMS, WNetEnumResource(handle, &count, buffer, &size));
    CALL(NO_ERROR, WNetCloseEnum(handle));
    /* What is remembered: the drive, and not the connection without a name that was to be remembered too. */
    CALL(NO_ERROR, WNetOpenEnum(RESOURCE_REMEMBERED, RESOURCETYPE_DISK, 0, NULL, &handle));
    count = 0xFFFFFFFF;
    CALL(NO_ERROR, WNetEnumResource(handle, &count, buffer, &size));
    HOLDS(count == 1 && buffer[0].dwScope == RESOURCE_REMEMBERED && lstrcmpi(buffer[0].lpLocalName, z) == 0);
    CALL(NO_ERROR, WNetCloseEnum(handle));
    CALL(NO_ERROR, WNetOpenEnum(RESOURCE_CONTEXT, 0, 0, NULL, &handle));
    count = 1;
    size = sizeof buffer;
    CALL(NO_ERROR, WNetEnumResource(handle, &count, buffer, &size));
    HOLDS(buffer[0].dwDisplayType == RESOURCEDISPLAYTYPE_SERVER);
    CALL(ERROR_NO_MORE_ITEMS, WNetEnumResource(handle, &count, buffer, &size));
    count = 0;
    CALL(ERROR_INVALID_PARAMETER, WNetEnumResource(handle, &count, buffer, &size));
    CALL(NO_ERROR, WNetCloseEnum(handle));
    count = 1;
    CALL(ERROR_INVALID_HANDLE, WNetEnumResource(NULL, &count, buffer, &size));
    CALL(ERROR_INVALID_HANDLE, WNetCloseEnum((HANDLE)8));
    CALL(NO_ERROR, WNetOpenEnum(RESOURCE_CONNECTED, RESOURCETYPE_DISK, 0, NULL, &handle));
    CALL(ERROR_INVALID_ADDRESS, WNetEnumResource(handle, &count, NULL, &size));
    size = sizeof(NETRESOURCE);
    CALL(ERROR_MORE_DATA, WNetEnumResource(handle, &count, buffer, &size));
    needed = size;
    HOLDS(needed > sizeof(NETRESOURCE));
    count = 0xFFFFFFFF;
    CALL(NO_ERROR, WNetEnumResource(handle, &count, buffer, &size));
    HOLDS(count == 1 && lstrcmpi(buffer[0].lpLocalName, z) == 0 && lstrcmp(buffer[0].lpRemoteName, remote) == 0);
    HOLDS(buffer[0].dwType == RESOURCETYPE_DISK && buffer[0].dwUsage == RESOURCEUSAGE_CONNECTABLE);
    HOLDS(lstrcmp(buffer[0].lpProvider, own("Cleardown SMB")) == 0);
    CALL(ERROR_NO_MORE_ITEMS, WNetEnumResource(handle, &count, buffer, &size));
    CALL(NO_ERROR, WNetCloseEnum(handle));
    CALL(ERROR_INVALID_HANDLE, WNetCloseEnum(handle));

    /* From the top of the network down to the share. */
    CALL(NO_ERROR, WNetOpenEnum(RESOURCE_GLOBALNET, 0, 0, NULL, &handle));
    count = 1;
    size = sizeof buffer;
    CALL(NO_ERROR, WNetEnumResource(handle, &count, buffer, &size));
    WNetCloseEnum(handle);
    container = buffer[0];
    HOLDS(container.dwUsage & RESOURCEUSAGE_CONTAINER);
    CALL(NO_ERROR, WNetOpenEnum(RESOURCE_GLOBALNET, 0, 0, &container, &handle));
    size = sizeof buffer;
    CALL(NO_ERROR, WNetEnumResource(handle, &count, buffer, &size));
    WNetCloseEnum(handle);
    container = buffer[0];
    HOLDS(container.dwDisplayType == RESOURCEDISPLAYTYPE_SERVER);
    CALL(NO_ERROR, WNetOpenEnum(RESOURCE_GLOBALNET, 0, 0, &container, &handle));
    size = sizeof buffer;
    CALL(NO_ERROR, WNetEnumResource(handle, &count, buffer, &size));
    WNetCloseEnum(handle);
    container = buffer[0];
    HOLDS(lstrcmp(container.lpRemoteName, remote) == 0);
    CALL(ERROR_NOT_CONTAINER, WNetOpenEnum(RESOURCE_GLOBALNET, 0, 0, &container, &handle));
}

static void places(LPTSTR remote)
{
    BYTE buffer[2048];
    NETRESOURCE resource, *answer = (NETRESOURCE *)buffer;
    NETINFOSTRUCT info;
    NETCONNECTINFOSTRUCT speed;
    TCHAR path[MAX_PATH], name[MAX_PATH];
    LPTSTR rest;
    DWORD size = sizeof buffer, type;

    memset(&resource, 0, sizeof resource);
    StringCchPrintf(path, MAX_PATH, TEXT("%s\\a\\b"), remote);
    resource.lpRemoteName = path;
    CALL(NO_ERROR, WNetGetResourceInformation(&resource, buffer, &size, &rest));
    HOLDS(lstrcmp(answer->lpRemoteName, remote) == 0 && lstrcmp(rest, own("\\a\\b")) == 0);
    size = 10;
    CALL(ERROR_MORE_DATA, WNetGetResourceInformation(&resource, buffer, &size, &rest));
    CALL(NO_ERROR, WNetGetResourceInformation(&resource, buffer, &size, &rest));
    resource.lpRemoteName = remote;
    size = sizeof buffer;
    CALL(NO_ERROR, WNetGetResourceParent(&resource, buffer, &size));
    HOLDS(answer->dwDisplayType == RESOURCEDISPLAYTYPE_SERVER);
    resource.lpRemoteName = own("nonsense");
    CALL(ERROR_BAD_NET_NAME, WNetGetResourceParent(&resource, buffer, &size));

    size = MAX_PATH;
    CALL(NO_ERROR, WNetGetProviderName(WNNC_NET_SMB, name, &size));
    CALL(ERROR_NO_NETWORK, WNetGetProviderName(1, name, &size));
    info.cbStructure = 4;
    CALL(ERROR_INVALID_PARAMETER, WNetGetNetworkInformation(name, &info));
    info.cbStructure = sizeof info;
    CALL(NO_ERROR, WNetGetNetworkInformation(name, &info));
    type = (DWORD)info.wNetType << 16;
    HOLDS(type == WNNC_NET_SMB);
    CALL(ERROR_BAD_PROVIDER, WNetGetNetworkInformation(own("Nobody"), &info));
    resource.lpLocalName = z;
    speed.cbStructure = sizeof speed;
    CALL(NO_ERROR, MultinetGetConnectionPerformance(&resource, &speed));
    HOLDS(speed.dwFlags == WNCON_DYNAMIC && speed.dwSpeed == 0);
    CALL(ERROR_NOT_SUPPORTED, WNetCachePassword(NULL, 0, NULL, 0, 0, 0));
}

static void errors(void)
{
    TCHAR text[8], provider[64];
    DWORD code;

    SetLastError(77);
    WNetSetLastError(1234, own("a longer text"), own("Somebody"));
    HOLDS(GetLastError() == 77);
    CALL(NO_ERROR, WNetGetLastError(&code, text, 8, provider, 64));
    HOLDS(code == 1234 && lstrcmp(text, own("a longe")) == 0 && lstrcmp(provider, own("Somebody")) == 0);
    CALL(ERROR_INVALID_ADDRESS, WNetGetLastError(NULL, text, 8, provider, 64));
}

static void ending(LPTSTR remote, LPTSTR password, LPTSTR mounted)
{
    TCHAR name[MAX_PATH], other[MAX_PATH], file[MAX_PATH];
    NETRESOURCE resource;
    CONNECTDLGSTRUCT dialog;
    DISCDLGSTRUCT end;
    DWORD size = MAX_PATH;
    FILE *open;
    char narrow[MAX_PATH];

    CALL(ERROR_INVALID_ADDRESS, WNetCancelConnection2(NULL, 0, FALSE));
    CALL(ERROR_NOT_CONNECTED, WNetCancelConnection2(none, 0, FALSE));
    CALL(ERROR_NOT_CONNECTED, WNetCancelConnection2(own("a/b"), 0, FALSE));
    CALL(ERROR_INVALID_PARAMETER, WNetCancelConnection2(z, 0x1000, FALSE));

    memset(&end, 0, sizeof end);
    CALL(ERROR_INVALID_PARAMETER, WNetDisconnectDialog1(&end));
    StringCchPrintf(file, MAX_PATH, TEXT("%s/open"), mounted);
#ifdef UNICODE
    WideCharToMultiByte(CP_UTF8, 0, file, -1, narrow, MAX_PATH, NULL, NULL);
#else
    StringCchCopyA(narrow, MAX_PATH, file);
#endif
    open = fopen(narrow, "w");
    HOLDS(open != NULL);
    end.cbStructure = sizeof end;
    end.lpLocalName = z;
    end.dwFlags = DISC_NO_FORCE;
    CALL(ERROR_OPEN_FILES, WNetDisconnectDialog1(&end));
    end.dwFlags = 0;
    CALL(ERROR_CANCELLED, WNetDisconnectDialog1(&end));
    if (open)
        fclose(open);
    CALL(NO_ERROR, WNetDisconnectDialog1(&end));

    /* Remembered and not connected. */
    CALL(ERROR_CONNECTION_UNAVAIL, WNetGetConnection(z, name, &size));
    HOLDS(lstrcmp(name, remote) == 0);
    CALL(ERROR_CONNECTION_UNAVAIL, WNetGetUniversalName(z, UNIVERSAL_NAME_INFO_LEVEL, file, &size));
    CALL(ERROR_NOT_CONNECTED, WNetCancelConnection2(z, 0, FALSE));
    memset(&resource, 0, sizeof resource);
    StringCchPrintf(other, MAX_PATH, TEXT("%s\\folder"), remote);
    resource.dwType = RESOURCETYPE_DISK;
    resource.lpLocalName = z;
    resource.lpRemoteName = other;
    CALL(ERROR_DEVICE_ALREADY_REMEMBERED, WNetAddConnection2(&resource, password, eve, 0));
    CALL(NO_ERROR, WNetRestoreConnection(NULL, z));
    CALL(NO_ERROR, WNetGetConnection(z, name, &size));
    CALL(ERROR_NOT_CONNECTED, WNetRestoreConnection(NULL, y));
    /* References are of connections without a local name: for others the flag is ignored. */
    CALL(NO_ERROR, WNetCancelConnection2(z, CONNECT_REFCOUNT, FALSE));
    CALL(ERROR_CONNECTION_UNAVAIL, WNetGetConnection(z, name, &size));
    CALL(NO_ERROR, WNetRestoreConnection(NULL, NULL));
    CALL(NO_ERROR, WNetClearConnections(NULL));
    CALL(NO_ERROR, WNetCancelConnection2(z, CONNECT_UPDATE_PROFILE, FALSE));
    CALL(ERROR_NOT_CONNECTED, WNetCancelConnection2(z, CONNECT_UPDATE_PROFILE, FALSE));

    /* The oldest forms remember and forget by themselves. */
    CALL(0xFFFFFFFF, WNetConnectionDialog(NULL, RESOURCETYPE_DISK));
    memset(&dialog, 0, sizeof dialog);
    dialog.cbStructure = sizeof dialog;
    resource.lpRemoteName = NULL;
    dialog.lpConnRes = &resource;
    CALL(0xFFFFFFFF, WNetConnectionDialog1(&dialog));
    CALL(ERROR_NOT_CONNECTED, WNetCancelConnection(y, FALSE));
}

int main(int argc, char **argv)
{
    char line[256] = "", at[MAX_PATH];
    TCHAR remote[MAX_PATH], password[256], mounted[MAX_PATH];

    if (argc != 3 || !fgets(line, sizeof line, stdin))
        return 2;
    line[strcspn(line, "\n")] = 0;
    StringCchCopy(remote, MAX_PATH, own(argv[1]));
    StringCchCopy(password, 256, own(line));
    sprintf_s(at, sizeof at, "%s/Network/z", argv[2]);
    StringCchCopy(mounted, MAX_PATH, own(at));

    adding(remote, password);
    logging_on(remote, password);
    asking(remote, mounted);
    enumerating(remote);
    places(remote);
    errors();
    ending(remote, password, mounted);
    _tprintf(TEXT("%d rules are broken (%s)\n"), broken, remote);
    return broken != 0;
}
