/* strsafe.h: copying and formatting that never writes behind the end. Written for Cleardown from the public documentation. */
#ifndef CLEARDOWN_STRSAFE_H
#define CLEARDOWN_STRSAFE_H

#include "windows.h"

#ifndef S_OK
#define S_OK ((HRESULT)0)
#endif
#define STRSAFE_MAX_CCH 2147483647u
#define STRSAFE_E_INSUFFICIENT_BUFFER ((HRESULT)0x8007007Au)
#define STRSAFE_E_INVALID_PARAMETER ((HRESULT)0x80070057u)

#define CLEARDOWN_STRSAFE(SUFFIX, UNIT, FORMAT)                                                            \
    /* The length of a string that ends within `room` units. */                                            \
    CLEARDOWN_INLINE HRESULT StringCchLength##SUFFIX(const UNIT *text, size_t room, size_t *length)        \
    {                                                                                                      \
        size_t i = 0;                                                                                      \
        if (!text || room > STRSAFE_MAX_CCH)                                                               \
            return STRSAFE_E_INVALID_PARAMETER;                                                            \
        while (i < room && text[i])                                                                        \
            i++;                                                                                           \
        if (length)                                                                                        \
            *length = i < room ? i : 0;                                                                    \
        return i < room ? S_OK : STRSAFE_E_INVALID_PARAMETER;                                              \
    }                                                                                                      \
    /* Copies; what does not fit is cut off, and said. */                                                  \
    CLEARDOWN_INLINE HRESULT StringCchCopy##SUFFIX(UNIT *to, size_t room, const UNIT *from)                \
    {                                                                                                      \
        size_t i;                                                                                          \
        if (!to || !from || room == 0 || room > STRSAFE_MAX_CCH)                                           \
            return STRSAFE_E_INVALID_PARAMETER;                                                            \
        for (i = 0; i + 1 < room && from[i]; i++)                                                          \
            to[i] = from[i];                                                                               \
        to[i] = 0;                                                                                         \
        return from[i] ? STRSAFE_E_INSUFFICIENT_BUFFER : S_OK;                                             \
    }                                                                                                      \
    /* Appends; what does not fit is cut off, and said. */                                                 \
    CLEARDOWN_INLINE HRESULT StringCchCat##SUFFIX(UNIT *to, size_t room, const UNIT *from)                 \
    {                                                                                                      \
        size_t length;                                                                                     \
        HRESULT result = StringCchLength##SUFFIX(to, room, &length);                                       \
        return result == S_OK ? StringCchCopy##SUFFIX(to + length, room - length, from) : result;          \
    }                                                                                                      \
    /* Formats; what does not fit is cut off, and said. */                                                 \
    CLEARDOWN_INLINE HRESULT StringCchVPrintf##SUFFIX(UNIT *to, size_t room, const UNIT *format,           \
                                                      va_list arguments)                                   \
    {                                                                                                      \
        int length;                                                                                        \
        if (!to || !format || room == 0 || room > STRSAFE_MAX_CCH)                                         \
            return STRSAFE_E_INVALID_PARAMETER;                                                            \
        length = FORMAT(to, room, format, arguments);                                                      \
        return length >= 0 && (size_t)length < room ? S_OK : STRSAFE_E_INSUFFICIENT_BUFFER;                \
    }                                                                                                      \
    CLEARDOWN_INLINE HRESULT StringCchPrintf##SUFFIX(UNIT *to, size_t room, const UNIT *format, ...)       \
    {                                                                                                      \
        va_list arguments;                                                                                 \
        HRESULT result;                                                                                    \
        va_start(arguments, format);                                                                       \
        result = StringCchVPrintf##SUFFIX(to, room, format, arguments);                                    \
        va_end(arguments);                                                                                 \
        return result;                                                                                     \
    }

CLEARDOWN_INLINE int cleardown_format_narrow(LPSTR text, size_t room, LPCSTR format, va_list arguments)
{
    return cleardown_format(text, room, format, 0, arguments);
}
CLEARDOWN_STRSAFE(A, CHAR, cleardown_format_narrow)
CLEARDOWN_STRSAFE(W, WCHAR, cleardown_format_wide)

#ifdef UNICODE
#define StringCchLength StringCchLengthW
#define StringCchCopy StringCchCopyW
#define StringCchCat StringCchCatW
#define StringCchPrintf StringCchPrintfW
#define StringCchVPrintf StringCchVPrintfW
#else
#define StringCchLength StringCchLengthA
#define StringCchCopy StringCchCopyA
#define StringCchCat StringCchCatA
#define StringCchPrintf StringCchPrintfA
#define StringCchVPrintf StringCchVPrintfA
#endif

#endif
