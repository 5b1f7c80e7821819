/* Connects a share, and shows what the provider says when that fails.
 *
 *     connect_drive z: \\server\share [user [remember]] < password
 *
 * The password is the first line of the standard input. The exit code is 0 or 1.
 */
#include "net_error.h"

int main(int argc, char **argv)
{
    NETRESOURCEA resource = {0};
    char password[256] = "", remote[MAX_PATH];
    DWORD size = sizeof remote, result;

    if (argc < 3) {
        fprintf(stderr, "usage: connect_drive NAME REMOTE [USER [remember]] < password\n");
        return 1;
    }
    if (fgets(password, sizeof password, stdin))
        password[strcspn(password, "\n")] = 0;

    resource.dwType = RESOURCETYPE_DISK;
    resource.lpLocalName = argv[1];
    resource.lpRemoteName = argv[2];
    result = WNetAddConnection2A(&resource, argc > 3 ? password : NULL, argc > 3 ? argv[3] : NULL,
                                 argc > 4 ? CONNECT_UPDATE_PROFILE : 0);
    memset(password, 0, sizeof password);
    if (result != NO_ERROR) {
        net_error("WNetAddConnection2", result);
        return 1;
    }

    result = WNetGetConnectionA(argv[1], remote, &size);
    if (result != NO_ERROR) {
        net_error("WNetGetConnection", result);
        return 1;
    }
    printf("%s is connected to %s\n", argv[1], remote);
    return 0;
}
