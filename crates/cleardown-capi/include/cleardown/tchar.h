/* tchar.h: names that follow UNICODE. Written for Cleardown from the public documentation.
 *
 * The C library's own wide functions expect characters of 32 bits, so printing goes through UTF-8 here.
 */
#ifndef CLEARDOWN_TCHAR_H
#define CLEARDOWN_TCHAR_H

#include "windows.h"

CLEARDOWN_INLINE int _ftprintf(FILE *file, LPCTSTR format, ...)
{
    va_list arguments;
    int length;
    va_start(arguments, format);
#ifdef UNICODE
    length = cleardown_print_wide(file, format, arguments);
#else
    length = cleardown_print(file, format, 0, arguments);
#endif
    va_end(arguments);
    return length;
}

#define _tprintf(...) _ftprintf(stdout, __VA_ARGS__)
#define _tcslen(text) ((size_t)lstrlen(text))
#define _tcscpy lstrcpy
#define _tcscat lstrcat
#define _tcscmp lstrcmp
#define _tcsicmp lstrcmpi
#ifndef UNICODE
#define _tmain main
#endif

#endif
