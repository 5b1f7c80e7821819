/* cleardown-wide.h: the C library's functions of printing and of wide strings, for programs whose wide characters have 16 bits
 * (-fshort-wchar). The system's own expect 32 bits there; so their names lead to ours, which print in UTF-8.
 */
#ifndef CLEARDOWN_WIDE_H
#define CLEARDOWN_WIDE_H

/* Before the names mean something else. */
#ifdef __cplusplus
#include <cstdio>
#include <cwchar>
#else
#include <wchar.h>
#endif

#define CLEARDOWN_PRINT(NAME, BEFORE, UNIT, PRINT)            \
    CLEARDOWN_INLINE int NAME(BEFORE const UNIT *format, ...) \
    {                                                         \
        va_list arguments;                                    \
        int length;                                           \
        va_start(arguments, format);                          \
        length = PRINT;                                       \
        va_end(arguments);                                    \
        return length;                                        \
    }
#define CLEARDOWN_NOTHING
#define CLEARDOWN_FILE FILE *file,
CLEARDOWN_PRINT(cleardown_printf, CLEARDOWN_NOTHING, char, cleardown_print(stdout, format, 0, arguments))
CLEARDOWN_PRINT(cleardown_fprintf, CLEARDOWN_FILE, char, cleardown_print(file, format, 0, arguments))
CLEARDOWN_PRINT(cleardown_wprintf, CLEARDOWN_NOTHING, WCHAR, cleardown_print_wide(stdout, format, arguments))
CLEARDOWN_PRINT(cleardown_fwprintf, CLEARDOWN_FILE, WCHAR, cleardown_print_wide(file, format, arguments))

/* The first place of a unit, or the last; NULL when it is not there. */
CLEARDOWN_INLINE LPWSTR cleardown_find_unit(LPCWSTR text, WCHAR unit, int last)
{
    LPCWSTR found = NULL;
    for (;; text++) {
        if (*text == unit && (!found || last))
            found = text;
        if (!*text)
            return (LPWSTR)found;
    }
}

/* The first place of a text in another. */
CLEARDOWN_INLINE LPWSTR cleardown_find_text(LPCWSTR text, LPCWSTR part)
{
    for (;; text++) {
        size_t i = 0;
        while (part[i] && text[i] == part[i])
            i++;
        if (!part[i])
            return (LPWSTR)text;
        if (!*text)
            return NULL;
    }
}

#define printf(...) cleardown_printf(__VA_ARGS__)
#define fprintf(...) cleardown_fprintf(__VA_ARGS__)
#define wprintf(...) cleardown_wprintf(__VA_ARGS__)
#define fwprintf(...) cleardown_fwprintf(__VA_ARGS__)
#define wcslen(text) ((size_t)lstrlenW(text))
#define wcscpy(to, from) lstrcpyW(to, from)
#define wcscat(to, from) lstrcatW(to, from)
#define wcscmp(a, b) lstrcmpW(a, b)
#define _wcsicmp(a, b) lstrcmpiW(a, b)
#define wcschr(text, unit) cleardown_find_unit(text, unit, 0)
#define wcsrchr(text, unit) cleardown_find_unit(text, unit, 1)
#define wcsstr(text, part) cleardown_find_text(text, part)

#endif
