/* tchar.h: names that follow UNICODE. Written for Cleardown from the public documentation.
 *
 * The C library's own wide functions expect characters of 32 bits, so printing goes through UTF-8 here.
 */
#ifndef CLEARDOWN_TCHAR_H
#define CLEARDOWN_TCHAR_H

#include "windows.h"

/* Formats as on Windows, and prints in UTF-8. */
CLEARDOWN_INLINE int cleardown_print(FILE *file, LPCTSTR format, ...)
{
    va_list arguments, again;
    int length = -1;
    char *text;
#ifdef UNICODE
    char *narrow = cleardown_narrow(format, -1);
    int wide = 1;
#else
    char *narrow = (char *)malloc(strlen(format) + 1);
    int wide = 0;
#endif
    if (!narrow)
        return -1;
#ifndef UNICODE
    strcpy(narrow, format);
#endif
    va_start(arguments, format);
    va_copy(again, arguments);
    length = cleardown_format(NULL, 0, narrow, wide, again);
    va_end(again);
    text = (char *)malloc((size_t)length + 1);
    if (text) {
        cleardown_format(text, (size_t)length + 1, narrow, wide, arguments);
        if (fputs(text, file) == EOF)
            length = -1;
    }
    va_end(arguments);
    free(text);
    free(narrow);
    return text ? length : -1;
}

#define _tprintf(...) cleardown_print(stdout, __VA_ARGS__)
#define _ftprintf(...) cleardown_print(__VA_ARGS__)
#define _tcslen(text) ((size_t)lstrlen(text))
#define _tcscpy lstrcpy
#define _tcscat lstrcat
#define _tcscmp lstrcmp
#define _tcsicmp lstrcmpi
#ifndef UNICODE
#define _tmain main
#endif

#endif
