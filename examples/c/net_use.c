/* `net use` in a hundred lines.
 *
 *     net_use                                  what is connected and what is remembered
 *     net_use z: \\server\share [user]         connect; the password is the first line of the standard input
 *     net_use * \\server\share [user]          the same on the first free letter
 *     net_use z: /delete                       end, and forget
 *     net_use z:                               the remote name behind a local one
 */
#include "net_error.h"

#define ROOM 16384

/* Prints the resources of one scope. */
static DWORD list(DWORD scope, const char *status)
{
    static NETRESOURCEA buffer[ROOM / sizeof(NETRESOURCEA)];
    HANDLE handle;
    DWORD i, count, size, result;

    result = WNetOpenEnumA(scope, RESOURCETYPE_DISK, 0, NULL, &handle);
    if (result != NO_ERROR)
        return result;
    for (;;) {
        count = 0xFFFFFFFF;
        size = sizeof buffer;
        result = WNetEnumResourceA(handle, &count, buffer, &size);
        if (result != NO_ERROR)
            break;
        for (i = 0; i < count; i++)
            printf("%-12s %-8s %-40s %s\n", status, buffer[i].lpLocalName ? buffer[i].lpLocalName : "",
                   buffer[i].lpRemoteName, buffer[i].lpProvider);
    }
    WNetCloseEnum(handle);
    return result == ERROR_NO_MORE_ITEMS ? NO_ERROR : result;
}

static DWORD list_all(void)
{
    DWORD result;

    printf("%-12s %-8s %-40s %s\n", "Status", "Local", "Remote", "Network");
    result = list(RESOURCE_CONNECTED, "OK");
    return result == NO_ERROR ? list(RESOURCE_REMEMBERED, "Remembered") : result;
}

static DWORD add(char *local, char *remote, char *user)
{
    NETRESOURCEA resource = {0};
    char password[256] = "", name[MAX_PATH];
    DWORD size = sizeof name, outcome, result, flags = CONNECT_UPDATE_PROFILE;

    if (user && fgets(password, sizeof password, stdin))
        password[strcspn(password, "\n")] = 0;
    if (strcmp(local, "*") == 0)
        flags |= CONNECT_REDIRECT;
    else
        resource.lpLocalName = local;
    resource.dwType = RESOURCETYPE_DISK;
    resource.lpRemoteName = remote;
    result = WNetUseConnectionA(NULL, &resource, user ? password : NULL, user, flags, name, &size, &outcome);
    memset(password, 0, sizeof password);
    if (result == NO_ERROR)
        printf("Drive %s is now connected to %s.\n", name, remote);
    return result;
}

static DWORD show(const char *local)
{
    char remote[MAX_PATH];
    DWORD size = sizeof remote, result = WNetGetConnectionA(local, remote, &size);

    if (result == NO_ERROR || result == ERROR_CONNECTION_UNAVAIL)
        printf("%s %s%s\n", local, remote, result == NO_ERROR ? "" : " (not connected)");
    return result == ERROR_CONNECTION_UNAVAIL ? NO_ERROR : result;
}

int main(int argc, char **argv)
{
    DWORD result;

    if (argc == 1)
        result = list_all();
    else if (argc == 2)
        result = show(argv[1]);
    else if (strcmp(argv[2], "/delete") == 0)
        result = WNetCancelConnection2A(argv[1], CONNECT_UPDATE_PROFILE, FALSE);
    else
        result = add(argv[1], argv[2], argc > 3 ? argv[3] : NULL);
    if (result != NO_ERROR) {
        net_error("net_use", result);
        return 2;
    }
    printf("The command completed successfully.\n");
    return 0;
}
