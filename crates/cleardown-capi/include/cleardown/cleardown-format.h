/* cleardown-format.h: formatting and copying of strings as on Windows, for both encodings.
 *
 * On Windows a long has 32 bits: %ld and %lu take a LONG or a DWORD. %s is a string of the format's own encoding, %S one of the
 * other; %hs is always bytes, %ls and %ws always wide.
 */
#ifndef CLEARDOWN_FORMAT_H
#define CLEARDOWN_FORMAT_H

#define CLEARDOWN_INLINE static inline __attribute__((unused))

/* Text that is being written into a buffer; what does not fit is counted. */
typedef struct {
    char *text;
    size_t room;
    size_t length;
} cleardown_out;

CLEARDOWN_INLINE void cleardown_put(cleardown_out *out, const char *text, size_t length)
{
    size_t i;
    for (i = 0; i < length; i++, out->length++)
        if (out->length + 1 < out->room)
            out->text[out->length] = text[i];
}

/* A wide string in UTF-8, to be freed. */
CLEARDOWN_INLINE char *cleardown_narrow(LPCWSTR wide, int length)
{
    int size = length == 0 ? 0 : WideCharToMultiByte(CP_UTF8, 0, wide, length, NULL, 0, NULL, NULL);
    char *text = (char *)calloc((size_t)size + 1, 1);
    if (text && size)
        WideCharToMultiByte(CP_UTF8, 0, wide, length, text, size, NULL, NULL);
    return text;
}

/* One string for %s: at most `precision` units of it (-1: all), with blanks up to `width` (left-aligned when negative). */
CLEARDOWN_INLINE void cleardown_put_string(cleardown_out *out, const void *string, int wide, int width, int precision)
{
    char *own = NULL;
    const char *text = (const char *)string;
    size_t length = 0;
    size_t blanks;
    if (!string) {
        text = "(null)";
        length = 6;
    } else if (wide) {
        const WCHAR *units = (const WCHAR *)string;
        while ((precision < 0 || length < (size_t)precision) && units[length])
            length++;
        own = cleardown_narrow(units, (int)length);
        text = own ? own : "";
        length = strlen(text);
    } else {
        while ((precision < 0 || length < (size_t)precision) && text[length])
            length++;
    }
    blanks = (size_t)(width < 0 ? -width : width);
    blanks = blanks > length ? blanks - length : 0;
    if (width < 0)
        cleardown_put(out, text, length);
    while (blanks--)
        cleardown_put(out, " ", 1);
    if (width >= 0)
        cleardown_put(out, text, length);
    free(own);
}

/* Formats into `text` (of `room` bytes, always ended); `wide` says what %s means. Gives the length that it wanted. */
CLEARDOWN_INLINE int cleardown_format(char *text, size_t room, const char *format, int wide, va_list given)
{
    cleardown_out out = {text, room, 0};
    va_list arguments;
    va_copy(arguments, given);
    while (*format) {
        char spec[16], piece[512];
        int flags = 0, width = 0, precision = -1, left = 0, is_long = 0, big = 0, is_short = 0, length;
        if (*format != '%') {
            cleardown_put(&out, format++, 1);
            continue;
        }
        spec[flags++] = *format++;
        while (*format && strchr("-+ #0", *format)) {
            left |= *format == '-';
            if (flags < 6)
                spec[flags++] = *format;
            format++;
        }
        if (*format == '*') {
            width = va_arg(arguments, int);
            format++;
        } else {
            while (*format >= '0' && *format <= '9' && width < 100000)
                width = width * 10 + (*format++ - '0');
        }
        if (width < 0) {
            left = 1;
            width = width == INT_MIN ? INT_MAX : -width;
        }
        if (*format == '.') {
            precision = 0;
            if (*++format == '*') {
                precision = va_arg(arguments, int);
                format++;
            } else {
                while (*format >= '0' && *format <= '9' && precision < 100000)
                    precision = precision * 10 + (*format++ - '0');
            }
        }
        for (;;) {
            if (format[0] == 'I' && format[1] == '6' && format[2] == '4') {
                big = 1;
                format += 3;
            } else if (format[0] == 'I' && format[1] == '3' && format[2] == '2') {
                format += 3;
            } else if (format[0] == 'l' && format[1] == 'l') {
                big = 1;
                format += 2;
            } else if (*format == 'I' || *format == 'z' || *format == 'j' || *format == 't') {
                big = 1;
                format++;
            } else if (*format == 'l' || *format == 'w') {
                is_long = 1;
                format++;
            } else if (*format == 'h') {
                is_short = 1;
                format++;
            } else {
                break;
            }
        }
        if (!*format)
            break;
        switch (*format) {
        case 'd': case 'i': case 'u': case 'o': case 'x': case 'X':
            memcpy(spec + flags, big ? "*.*ll" : "*.*", big ? 6 : 4);
            flags += big ? 5 : 3;
            spec[flags] = *format;
            spec[flags + 1] = 0;
            width = left ? -width : width;
            if (big)
                length = snprintf(piece, sizeof piece, spec, width, precision, va_arg(arguments, long long));
            else
                length = snprintf(piece, sizeof piece, spec, width, precision, va_arg(arguments, int));
            cleardown_put(&out, piece, length < (int)sizeof piece ? (size_t)length : sizeof piece - 1);
            break;
        case 'e': case 'E': case 'f': case 'F': case 'g': case 'G':
            memcpy(spec + flags, "*.*", 4);
            flags += 3;
            spec[flags] = *format;
            spec[flags + 1] = 0;
            length = snprintf(piece, sizeof piece, spec, left ? -width : width, precision, va_arg(arguments, double));
            cleardown_put(&out, piece, length < (int)sizeof piece ? (size_t)length : sizeof piece - 1);
            break;
        case 'p':
            length = snprintf(piece, sizeof piece, "%016llX", (unsigned long long)(uintptr_t)va_arg(arguments, void *));
            cleardown_put(&out, piece, (size_t)length);
            break;
        case 'c': case 'C': {
            WCHAR unit = (WCHAR)va_arg(arguments, int);
            char byte = (char)unit;
            int is_wide = is_long || (!is_short && (*format == 'c') == (wide != 0));
            WCHAR units[2] = {unit, 0};
            char bytes[2] = {byte, 0};
            if (is_wide)
                cleardown_put_string(&out, units, 1, left ? -width : width, 1);
            else
                cleardown_put_string(&out, bytes, 0, left ? -width : width, 1);
            break;
        }
        case 's': case 'S': {
            int is_wide = is_long || (!is_short && (*format == 's') == (wide != 0));
            cleardown_put_string(&out, va_arg(arguments, const void *), is_wide, left ? -width : width, precision);
            break;
        }
        default:
            cleardown_put(&out, format, 1);
        }
        format++;
    }
    va_end(arguments);
    if (room)
        text[out.length < room ? out.length : room - 1] = 0;
    return out.length > INT_MAX ? INT_MAX : (int)out.length;
}

/* The same in UTF-16: `room` units. Gives the length that it wanted, and -1 when there is no memory. */
CLEARDOWN_INLINE int cleardown_format_wide(LPWSTR text, size_t room, LPCWSTR format, va_list given)
{
    char *narrow = cleardown_narrow(format, -1);
    va_list again;
    int size, length = -1;
    char *result = NULL;
    WCHAR *wide = NULL;
    if (narrow) {
        va_copy(again, given);
        size = cleardown_format(NULL, 0, narrow, 1, again) + 1;
        va_end(again);
        result = (char *)malloc((size_t)size);
        if (result) {
            cleardown_format(result, (size_t)size, narrow, 1, given);
            length = MultiByteToWideChar(CP_UTF8, 0, result, -1, NULL, 0) - 1;
            wide = (WCHAR *)calloc((size_t)length + 1, sizeof *wide);
        }
    }
    if (wide) {
        size_t fits = (size_t)length + 1 <= room ? (size_t)length : room ? room - 1 : 0;
        MultiByteToWideChar(CP_UTF8, 0, result, -1, wide, length + 1);
        memcpy(text, wide, fits * sizeof *wide);
        if (room)
            text[fits] = 0;
    }
    free(wide);
    free(result);
    free(narrow);
    return length;
}

/* Formats and prints, in UTF-8; `wide` says what %s means. Gives the length, and -1 when that could not be done. */
CLEARDOWN_INLINE int cleardown_print(FILE *file, const char *format, int wide, va_list arguments)
{
    va_list again;
    int length;
    char *text;
    va_copy(again, arguments);
    length = cleardown_format(NULL, 0, format, wide, again);
    va_end(again);
    text = (char *)malloc((size_t)length + 1);
    if (!text)
        return -1;
    cleardown_format(text, (size_t)length + 1, format, wide, arguments);
    if (fputs(text, file) == EOF)
        length = -1;
    free(text);
    return length;
}

/* The same with a wide format. */
CLEARDOWN_INLINE int cleardown_print_wide(FILE *file, LPCWSTR format, va_list arguments)
{
    char *narrow = cleardown_narrow(format, -1);
    int length = narrow ? cleardown_print(file, narrow, 1, arguments) : -1;
    free(narrow);
    return length;
}

/* wsprintf: at most 1024 units with the zero, as documented. Gives the length that was written. */
#define CLEARDOWN_WSPRINTF_ROOM 1024

CLEARDOWN_INLINE int wvsprintfA(LPSTR text, LPCSTR format, va_list arguments)
{
    int length = cleardown_format(text, CLEARDOWN_WSPRINTF_ROOM, format, 0, arguments);
    return length < CLEARDOWN_WSPRINTF_ROOM ? length : CLEARDOWN_WSPRINTF_ROOM - 1;
}
CLEARDOWN_INLINE int wvsprintfW(LPWSTR text, LPCWSTR format, va_list arguments)
{
    int length = cleardown_format_wide(text, CLEARDOWN_WSPRINTF_ROOM, format, arguments);
    return length < CLEARDOWN_WSPRINTF_ROOM ? length : CLEARDOWN_WSPRINTF_ROOM - 1;
}
CLEARDOWN_INLINE int wsprintfA(LPSTR text, LPCSTR format, ...)
{
    va_list arguments;
    int length;
    va_start(arguments, format);
    length = wvsprintfA(text, format, arguments);
    va_end(arguments);
    return length;
}
CLEARDOWN_INLINE int wsprintfW(LPWSTR text, LPCWSTR format, ...)
{
    va_list arguments;
    int length;
    va_start(arguments, format);
    length = wvsprintfW(text, format, arguments);
    va_end(arguments);
    return length;
}

/* sprintf_s: what does not fit makes the buffer empty, and gives -1. */
CLEARDOWN_INLINE int sprintf_s(char *text, size_t room, const char *format, ...)
{
    va_list arguments;
    int length;
    va_start(arguments, format);
    length = cleardown_format(text, room, format, 0, arguments);
    va_end(arguments);
    if ((size_t)length < room)
        return length;
    if (room)
        text[0] = 0;
    return -1;
}

/* The lstr functions, and the safe copies of the C library, in both encodings. */
#define CLEARDOWN_STRINGS(SUFFIX, UNIT, LENGTH)                                                            \
    CLEARDOWN_INLINE UNIT *lstrcpy##SUFFIX(UNIT *to, const UNIT *from)                                     \
    {                                                                                                      \
        return (UNIT *)memcpy(to, from, ((size_t)LENGTH(from) + 1) * sizeof *to);                          \
    }                                                                                                      \
    CLEARDOWN_INLINE UNIT *lstrcpyn##SUFFIX(UNIT *to, const UNIT *from, int room)                          \
    {                                                                                                      \
        int i;                                                                                             \
        for (i = 0; i + 1 < room && from[i]; i++)                                                          \
            to[i] = from[i];                                                                               \
        if (room > 0)                                                                                      \
            to[i] = 0;                                                                                     \
        return to;                                                                                         \
    }                                                                                                      \
    CLEARDOWN_INLINE UNIT *lstrcat##SUFFIX(UNIT *to, const UNIT *from)                                     \
    {                                                                                                      \
        lstrcpy##SUFFIX(to + LENGTH(to), from);                                                            \
        return to;                                                                                         \
    }                                                                                                      \
    CLEARDOWN_INLINE int lstrcmp##SUFFIX(const UNIT *a, const UNIT *b)                                     \
    {                                                                                                      \
        while (*a && *a == *b)                                                                             \
            a++, b++;                                                                                      \
        return *a < *b ? -1 : *a > *b;                                                                     \
    }                                                                                                      \
    CLEARDOWN_INLINE UNIT cleardown_lower##SUFFIX(UNIT unit)                                               \
    {                                                                                                      \
        return unit >= 'A' && unit <= 'Z' ? (UNIT)(unit + ('a' - 'A')) : unit;                             \
    }                                                                                                      \
    CLEARDOWN_INLINE int lstrcmpi##SUFFIX(const UNIT *a, const UNIT *b)                                    \
    {                                                                                                      \
        while (*a && cleardown_lower##SUFFIX(*a) == cleardown_lower##SUFFIX(*b))                           \
            a++, b++;                                                                                      \
        return cleardown_lower##SUFFIX(*a) < cleardown_lower##SUFFIX(*b)                                   \
                   ? -1                                                                                    \
                   : cleardown_lower##SUFFIX(*a) > cleardown_lower##SUFFIX(*b);                            \
    }
CLEARDOWN_STRINGS(A, CHAR, lstrlenA)
CLEARDOWN_STRINGS(W, WCHAR, lstrlenW)

#endif
