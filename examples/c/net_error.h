/* What a failed WNet function has to say: the application's own error handler. */
#ifndef NET_ERROR_H
#define NET_ERROR_H

#include <stdio.h>
#include <windows.h>
#include <winnetwk.h>

/* Prints the number, and what the provider says about it. To be called in the thread of the failure. */
static inline void net_error(const char *function, DWORD result)
{
    DWORD code = 0;
    char text[512], provider[64];

    fprintf(stderr, "%s failed: error %u\n", function, result);
    if (WNetGetLastErrorA(&code, text, sizeof text, provider, sizeof provider) == NO_ERROR && code == result)
        fprintf(stderr, "  %s says: %s\n", provider, text);
}

#endif
