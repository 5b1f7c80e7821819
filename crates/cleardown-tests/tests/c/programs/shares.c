/* What a server offers: shares \\SERVER. Prints each share, and checks how an enumeration is resumed and closed. */
#include <windows.h>
#include <winnetwk.h>
#include "rules.h"

/* The functions of WNet set the last error to what they give. */
#define CALL(expected, call) check_both(call, expected, expected, #call, __LINE__)

static int fail(DWORD code)
{
    char text[256], provider[64];
    DWORD again;

    printf("error %u\n", code);
    if (WNetGetLastErrorA(&again, text, sizeof text, provider, sizeof provider) == NO_ERROR && again == code)
        printf("%s says: %s\n", provider, text);
    return 1;
}

int main(int argc, char **argv)
{
    NETRESOURCEA container, *buffer;
    HANDLE handle;
    DWORD code, size, count, needed, seen = 0, i;

    if (argc != 2)
        return 2;
    memset(&container, 0, sizeof container);
    container.lpRemoteName = argv[1];
    container.dwUsage = RESOURCEUSAGE_CONTAINER;
    code = WNetOpenEnumA(RESOURCE_GLOBALNET, RESOURCETYPE_ANY, 0, &container, &handle);
    if (code != NO_ERROR)
        return fail(code);

    /* One at a time, in a buffer that grows as the function says. */
    buffer = (NETRESOURCEA *)calloc(1, 1);
    for (;;) {
        count = 1;
        size = 1;
        code = WNetEnumResourceA(handle, &count, buffer, &size);
        if (code == ERROR_NO_MORE_ITEMS)
            break;
        HOLDS(code == ERROR_MORE_DATA && size > sizeof container);
        needed = size;
        buffer = (NETRESOURCEA *)realloc(buffer, needed);
        size = needed - 1;
        CALL(ERROR_MORE_DATA, WNetEnumResourceA(handle, &count, buffer, &size));
        HOLDS(size == needed);
        CALL(NO_ERROR, WNetEnumResourceA(handle, &count, buffer, &size));
        HOLDS(count == 1 && buffer->lpLocalName == NULL && buffer->dwUsage == RESOURCEUSAGE_CONNECTABLE);
        HOLDS(buffer->dwScope == RESOURCE_GLOBALNET && buffer->dwDisplayType == RESOURCEDISPLAYTYPE_SHARE);
        printf("%s %s: %s\n", buffer->dwType == RESOURCETYPE_PRINT ? "print" : "disk", buffer->lpRemoteName, buffer->lpComment);
        seen++;
    }
    CALL(NO_ERROR, WNetCloseEnum(handle));

    /* Two, and then the rest. */
    CALL(NO_ERROR, WNetOpenEnumA(RESOURCE_GLOBALNET, RESOURCETYPE_ANY, RESOURCEUSAGE_CONNECTABLE, &container, &handle));
    buffer = (NETRESOURCEA *)realloc(buffer, 65536);
    count = 2;
    size = 65536;
    CALL(NO_ERROR, WNetEnumResourceA(handle, &count, buffer, &size));
    HOLDS(count == 2);
    count = 0xFFFFFFFF;
    CALL(NO_ERROR, WNetEnumResourceA(handle, &count, buffer, &size));
    HOLDS(count == seen - 2);
    CALL(ERROR_NO_MORE_ITEMS, WNetEnumResourceA(handle, &count, buffer, &size));
    CALL(NO_ERROR, WNetCloseEnum(handle));

    /* A share is no container, and there are none in it. */
    container = buffer[0];
    CALL(ERROR_NOT_CONTAINER, WNetOpenEnumA(RESOURCE_GLOBALNET, RESOURCETYPE_ANY, 0, &container, &handle));
    container.lpRemoteName = argv[1];
    CALL(NO_ERROR, WNetOpenEnumA(RESOURCE_GLOBALNET, RESOURCETYPE_PRINT, 0, &container, &handle));
    for (count = 0xFFFFFFFF, size = 65536; WNetEnumResourceA(handle, &count, buffer, &size) == NO_ERROR;)
        for (i = 0; i < count; i++)
            HOLDS(buffer[i].dwType == RESOURCETYPE_PRINT);
    CALL(NO_ERROR, WNetCloseEnum(handle));
    free(buffer);
    printf("%d rules are broken\n", broken);
    return broken != 0;
}
