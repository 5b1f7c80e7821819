/* windows.h: the types, and the few functions of Windows' base libraries, that programs for WNet and RAS use.
 *
 * Written for Cleardown from the public documentation. Strings of bytes are UTF-8. Programs that define UNICODE are compiled
 * with -fshort-wchar: a wide character has 16 bits there, as on Windows. Functions are in libcleardown-winbase.
 */
#ifndef CLEARDOWN_WINDOWS_H
#define CLEARDOWN_WINDOWS_H

#include <ctype.h>
#include <limits.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#if defined(UNICODE) && !defined(_UNICODE)
#define _UNICODE
#endif
#if defined(UNICODE) && __SIZEOF_WCHAR_T__ != 2
#error "UNICODE programs need wide characters of 16 bits: compile with -fshort-wchar"
#endif

/* The version of Windows whose structures are meant; a program may ask for an older one. */
#ifndef _WIN32_WINNT
#define _WIN32_WINNT 0x0602
#endif
#ifndef WINVER
#define WINVER _WIN32_WINNT
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- Types ---- */

#define WINAPI
#define APIENTRY
#define CALLBACK
#define PASCAL
#define FAR
#define NEAR
#define CONST const
#define VOID void
#define IN
#define OUT
#define OPTIONAL
#ifndef __cdecl
#define __cdecl
#endif
#ifndef __stdcall
#define __stdcall
#endif

typedef unsigned char BYTE, UCHAR, BOOLEAN, *PBYTE, *LPBYTE, *PUCHAR;
typedef unsigned short WORD, USHORT, *PWORD, *LPWORD, *PUSHORT;
typedef unsigned int DWORD, UINT, ULONG, UINT32, DWORD32, *PDWORD, *LPDWORD, *PUINT, *PULONG, *LPUINT;
typedef int BOOL, INT, LONG, INT32, *PBOOL, *LPBOOL, *PINT, *LPINT, *PLONG, *LPLONG;
typedef short SHORT, *PSHORT;
typedef long long LONGLONG, INT64, LONG64;
typedef unsigned long long ULONGLONG, DWORDLONG, UINT64, DWORD64, ULONG64, *PULONGLONG;
typedef uintptr_t UINT_PTR, ULONG_PTR, DWORD_PTR, *PULONG_PTR, *PDWORD_PTR;
typedef intptr_t INT_PTR, LONG_PTR;
typedef size_t SIZE_T, *PSIZE_T;
typedef ptrdiff_t SSIZE_T;
typedef float FLOAT;
typedef void *PVOID, *LPVOID;
typedef const void *PCVOID, *LPCVOID;
typedef LONG HRESULT;
typedef UINT_PTR WPARAM;
typedef LONG_PTR LPARAM, LRESULT;

typedef char CHAR, *PCHAR, *LPSTR, *PSTR;
typedef const char *LPCSTR, *PCSTR;
#if __SIZEOF_WCHAR_T__ == 2
typedef wchar_t WCHAR;
#elif defined(__cplusplus)
typedef char16_t WCHAR;
#else
typedef uint_least16_t WCHAR;
#endif
typedef WCHAR *PWCHAR, *LPWSTR, *PWSTR;
typedef const WCHAR *LPCWSTR, *PCWSTR;

#ifdef UNICODE
typedef WCHAR TCHAR, *PTCHAR;
typedef LPWSTR LPTSTR, PTSTR;
typedef LPCWSTR LPCTSTR, PCTSTR;
#define __TEXT(quoted) L##quoted
#else
typedef char TCHAR, *PTCHAR;
typedef LPSTR LPTSTR, PTSTR;
typedef LPCSTR LPCTSTR, PCTSTR;
#define __TEXT(quoted) quoted
#endif
typedef TCHAR _TCHAR;
#define TEXT(quoted) __TEXT(quoted)
#define _T(quoted) __TEXT(quoted)
#define _TEXT(quoted) __TEXT(quoted)

typedef void *HANDLE, **PHANDLE, **LPHANDLE;
#define DECLARE_HANDLE(name) \
    struct name##__ {        \
        int unused;          \
    };                       \
    typedef struct name##__ *name
DECLARE_HANDLE(HWND);
DECLARE_HANDLE(HINSTANCE);
typedef HINSTANCE HMODULE;
typedef HANDLE HGLOBAL, HLOCAL;

typedef struct _GUID {
    DWORD Data1;
    WORD Data2;
    WORD Data3;
    BYTE Data4[8];
} GUID;
typedef struct _LUID {
    DWORD LowPart;
    LONG HighPart;
} LUID, *PLUID;
typedef struct _FILETIME {
    DWORD dwLowDateTime;
    DWORD dwHighDateTime;
} FILETIME, *PFILETIME, *LPFILETIME;
typedef struct _SECURITY_ATTRIBUTES {
    DWORD nLength;
    LPVOID lpSecurityDescriptor;
    BOOL bInheritHandle;
} SECURITY_ATTRIBUTES, *PSECURITY_ATTRIBUTES, *LPSECURITY_ATTRIBUTES;

#ifndef FALSE
#define FALSE 0
#endif
#ifndef TRUE
#define TRUE 1
#endif
#define MAX_PATH 260
#define INFINITE 0xFFFFFFFFu
#define INVALID_HANDLE_VALUE ((HANDLE)(LONG_PTR)-1)
#define UNREFERENCED_PARAMETER(parameter) ((void)(parameter))
#define LOWORD(value) ((WORD)((DWORD_PTR)(value) & 0xffff))
#define HIWORD(value) ((WORD)(((DWORD_PTR)(value) >> 16) & 0xffff))
#define ZeroMemory(place, size) memset((place), 0, (size))
#define FillMemory(place, size, value) memset((place), (value), (size))
#define CopyMemory(to, from, size) memcpy((to), (from), (size))
#define MoveMemory(to, from, size) memmove((to), (from), (size))

/* ---- The last error of a thread ---- */

/* What the last function that sets it has left for this thread. */
DWORD WINAPI GetLastError(void);
/* Sets it. */
void WINAPI SetLastError(DWORD dwErrCode);

/* ---- Time ---- */

/* Sleeps for so many milliseconds; INFINITE for ever. */
void WINAPI Sleep(DWORD dwMilliseconds);
/* Milliseconds since the machine was started; the first starts again every 49.7 days. */
DWORD WINAPI GetTickCount(void);
ULONGLONG WINAPI GetTickCount64(void);

/* ---- Events and waits ---- */

#define WAIT_OBJECT_0 0u
#define WAIT_ABANDONED 0x80u
#define WAIT_TIMEOUT 258u
#define WAIT_FAILED 0xFFFFFFFFu
#define MAXIMUM_WAIT_OBJECTS 64

/* Makes an event that this process alone knows; NULL when it is to have a name, which is not supported. */
HANDLE WINAPI CreateEventA(LPSECURITY_ATTRIBUTES lpEventAttributes, BOOL bManualReset, BOOL bInitialState, LPCSTR lpName);
HANDLE WINAPI CreateEventW(LPSECURITY_ATTRIBUTES lpEventAttributes, BOOL bManualReset, BOOL bInitialState, LPCWSTR lpName);
/* Sets an event: one waiting thread goes on, or all when it is reset by hand. */
BOOL WINAPI SetEvent(HANDLE hEvent);
/* Takes that back. */
BOOL WINAPI ResetEvent(HANDLE hEvent);
/* Waits for an event, or for one or all of several. */
DWORD WINAPI WaitForSingleObject(HANDLE hHandle, DWORD dwMilliseconds);
DWORD WINAPI WaitForMultipleObjects(DWORD nCount, const HANDLE *lpHandles, BOOL bWaitAll, DWORD dwMilliseconds);
/* Gives an event back. */
BOOL WINAPI CloseHandle(HANDLE hObject);

/* ---- Memory: all of it the C library's ---- */

#define HEAP_NO_SERIALIZE 1
#define HEAP_ZERO_MEMORY 8
#define LMEM_FIXED 0
#define LMEM_MOVEABLE 2
#define LMEM_ZEROINIT 0x40
#define LPTR (LMEM_FIXED | LMEM_ZEROINIT)
#define GMEM_FIXED 0
#define GMEM_MOVEABLE 2
#define GMEM_ZEROINIT 0x40
#define GPTR (GMEM_FIXED | GMEM_ZEROINIT)
#define GHND (GMEM_MOVEABLE | GMEM_ZEROINIT)

/* The one heap, and blocks of it; HEAP_ZERO_MEMORY fills new bytes with zeros. */
HANDLE WINAPI GetProcessHeap(void);
LPVOID WINAPI HeapAlloc(HANDLE hHeap, DWORD dwFlags, SIZE_T dwBytes);
LPVOID WINAPI HeapReAlloc(HANDLE hHeap, DWORD dwFlags, LPVOID lpMem, SIZE_T dwBytes);
BOOL WINAPI HeapFree(HANDLE hHeap, DWORD dwFlags, LPVOID lpMem);
/* The older families; a block never moves, so locking gives its address. */
HLOCAL WINAPI LocalAlloc(UINT uFlags, SIZE_T uBytes);
HLOCAL WINAPI LocalReAlloc(HLOCAL hMem, SIZE_T uBytes, UINT uFlags);
HLOCAL WINAPI LocalFree(HLOCAL hMem);
LPVOID WINAPI LocalLock(HLOCAL hMem);
BOOL WINAPI LocalUnlock(HLOCAL hMem);
HGLOBAL WINAPI GlobalAlloc(UINT uFlags, SIZE_T dwBytes);
HGLOBAL WINAPI GlobalReAlloc(HGLOBAL hMem, SIZE_T dwBytes, UINT uFlags);
HGLOBAL WINAPI GlobalFree(HGLOBAL hMem);
LPVOID WINAPI GlobalLock(HGLOBAL hMem);
BOOL WINAPI GlobalUnlock(HGLOBAL hMem);

/* ---- Strings ---- */

#define CP_ACP 0
#define CP_UTF8 65001
#define MB_ERR_INVALID_CHARS 8

/* Between UTF-8 (every code page) and UTF-16; a length of -1 counts to the zero and takes it along. */
int WINAPI MultiByteToWideChar(UINT CodePage, DWORD dwFlags, LPCSTR lpMultiByteStr, int cbMultiByte, LPWSTR lpWideCharStr, int cchWideChar);
int WINAPI WideCharToMultiByte(UINT CodePage, DWORD dwFlags, LPCWSTR lpWideCharStr, int cchWideChar, LPSTR lpMultiByteStr, int cbMultiByte, LPCSTR lpDefaultChar, LPBOOL lpUsedDefaultChar);
/* The length of a string in units; 0 for NULL. */
int WINAPI lstrlenA(LPCSTR lpString);
int WINAPI lstrlenW(LPCWSTR lpString);

#ifdef UNICODE
#define CreateEvent CreateEventW
#define lstrlen lstrlenW
#define lstrcpy lstrcpyW
#define lstrcpyn lstrcpynW
#define lstrcat lstrcatW
#define lstrcmp lstrcmpW
#define lstrcmpi lstrcmpiW
#define wsprintf wsprintfW
#define wvsprintf wvsprintfW
#else
#define CreateEvent CreateEventA
#define lstrlen lstrlenA
#define lstrcpy lstrcpyA
#define lstrcpyn lstrcpynA
#define lstrcat lstrcatA
#define lstrcmp lstrcmpA
#define lstrcmpi lstrcmpiA
#define wsprintf wsprintfA
#define wvsprintf wvsprintfA
#endif

#ifdef __cplusplus
}
#endif

#include "cleardown-format.h"

/* ---- Message boxes: printed on standard error; nobody is there to answer, so a question is answered with no ---- */

#define MB_OK 0
#define MB_OKCANCEL 1
#define MB_YESNOCANCEL 3
#define MB_YESNO 4
#define MB_ICONERROR 0x10
#define MB_ICONSTOP 0x10
#define MB_ICONQUESTION 0x20
#define MB_ICONWARNING 0x30
#define MB_ICONEXCLAMATION 0x30
#define MB_ICONINFORMATION 0x40
#define IDOK 1
#define IDCANCEL 2
#define IDYES 6
#define IDNO 7

CLEARDOWN_INLINE int MessageBoxA(HWND hWnd, LPCSTR lpText, LPCSTR lpCaption, UINT uType)
{
    (void)hWnd;
    fprintf(stderr, "%s: %s\n", lpCaption ? lpCaption : "Error", lpText ? lpText : "");
    return (uType & 0xf) == MB_OK ? IDOK : (uType & 0xf) == MB_YESNO ? IDNO : IDCANCEL;
}
CLEARDOWN_INLINE int MessageBoxW(HWND hWnd, LPCWSTR lpText, LPCWSTR lpCaption, UINT uType)
{
    char *text = lpText ? cleardown_narrow(lpText, -1) : NULL;
    char *caption = lpCaption ? cleardown_narrow(lpCaption, -1) : NULL;
    int answer = MessageBoxA(hWnd, text, caption, uType);
    free(text);
    free(caption);
    return answer;
}
#ifdef UNICODE
#define MessageBox MessageBoxW
#else
#define MessageBox MessageBoxA
#endif

#if __SIZEOF_WCHAR_T__ == 2
#include "cleardown-wide.h"
#endif
#include "winerror.h"

/* As on Windows, windows.h brings the network functions unless a program wants little. */
#ifndef WIN32_LEAN_AND_MEAN
#include "winnetwk.h"
#endif

#endif
