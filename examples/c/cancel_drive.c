/* Ends a drive, and says what came of it.
 *
 *     cancel_drive z: [forget] [force]
 *
 * The exit code is 0: ended; 1: it is in use; 2: it is not connected; 3: anything else.
 */
#include "net_error.h"

int main(int argc, char **argv)
{
    DWORD flags = 0, result;
    BOOL force = FALSE;
    int i;

    if (argc < 2) {
        fprintf(stderr, "usage: cancel_drive NAME [forget] [force]\n");
        return 3;
    }
    for (i = 2; i < argc; i++) {
        if (strcmp(argv[i], "forget") == 0)
            flags |= CONNECT_UPDATE_PROFILE;
        if (strcmp(argv[i], "force") == 0)
            force = TRUE;
    }

    result = WNetCancelConnection2A(argv[1], flags, force);
    switch (result) {
    case NO_ERROR:
        printf("%s has ended\n", argv[1]);
        return 0;
    case ERROR_OPEN_FILES:
    case ERROR_DEVICE_IN_USE:
        printf("%s is in use and stays\n", argv[1]);
        net_error("WNetCancelConnection2", result);
        return 1;
    case ERROR_NOT_CONNECTED:
        printf("%s is not connected\n", argv[1]);
        return 2;
    default:
        net_error("WNetCancelConnection2", result);
        return 3;
    }
}
