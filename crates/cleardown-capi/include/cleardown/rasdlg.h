/* rasdlg.h: the windows of RAS, of which none is ever shown. Written for Cleardown from the public documentation.
 *
 * Each function gives FALSE, and dwError says 50 (ERROR_NOT_SUPPORTED): RasDial dials without a window. Functions are in
 * librasapi32.
 */
#ifndef CLEARDOWN_RASDLG_H
#define CLEARDOWN_RASDLG_H

#include "ras.h"

#ifdef __cplusplus
extern "C" {
#endif

#define RASPBDEVENT_AddEntry 1
#define RASPBDEVENT_EditEntry 2
#define RASPBDEVENT_RemoveEntry 3
#define RASPBDEVENT_DialEntry 4
#define RASPBDEVENT_EditGlobals 5
#define RASPBDEVENT_NoUser 6
#define RASPBDEVENT_NoUserEdit 7
#define RASNOUSER_SmartCard 1
#define RASPBDFLAG_PositionDlg 0x01
#define RASPBDFLAG_ForceCloseOnDial 0x02
#define RASPBDFLAG_NoUser 0x10
#define RASPBDFLAG_UpdateDefaults 0x80000000u
#define RASEDFLAG_PositionDlg 0x001
#define RASEDFLAG_NewEntry 0x002
#define RASEDFLAG_CloneEntry 0x004
#define RASEDFLAG_NoRename 0x008
#define RASEDFLAG_NewPhoneEntry 0x010
#define RASEDFLAG_NewTunnelEntry 0x020
#define RASEDFLAG_NewDirectEntry 0x040
#define RASEDFLAG_NewBroadbandEntry 0x080
#define RASEDFLAG_InternetEntry 0x100
#define RASEDFLAG_NAT 0x200
#define RASEDFLAG_IncomingConnection 0x400
#define RASEDFLAG_ShellOwned 0x40000000
#define RASDDFLAG_PositionDlg 1
#define RASDDFLAG_NoPrompt 2
#define RASDDFLAG_AoacRedial 4
#define RASDDFLAG_LinkFailure 0x80000000u

typedef VOID(WINAPI *RASPBDLGFUNCA)(ULONG_PTR, DWORD, LPSTR, LPVOID);
typedef VOID(WINAPI *RASPBDLGFUNCW)(ULONG_PTR, DWORD, LPWSTR, LPVOID);

#pragma pack(push, 4)

#define CLEARDOWN_RASNOUSER(SUFFIX, UNIT) \
    typedef struct tagRASNOUSER##SUFFIX { \
        DWORD dwSize;                     \
        DWORD dwFlags;                    \
        DWORD dwTimeoutMs;                \
        UNIT szUserName[UNLEN + 1];       \
        UNIT szPassword[PWLEN + 1];       \
        UNIT szDomain[DNLEN + 1];         \
    } RASNOUSER##SUFFIX, *LPRASNOUSER##SUFFIX;
CLEARDOWN_BOTH(CLEARDOWN_RASNOUSER)

#define CLEARDOWN_RASPBDLG(SUFFIX, UNIT)  \
    typedef struct tagRASPBDLG##SUFFIX {  \
        DWORD dwSize;                     \
        HWND hwndOwner;                   \
        DWORD dwFlags;                    \
        LONG xDlg;                        \
        LONG yDlg;                        \
        ULONG_PTR dwCallbackId;           \
        RASPBDLGFUNC##SUFFIX pCallback;   \
        DWORD dwError;                    \
        ULONG_PTR reserved;               \
        ULONG_PTR reserved2;              \
    } RASPBDLG##SUFFIX, *LPRASPBDLG##SUFFIX;
CLEARDOWN_BOTH(CLEARDOWN_RASPBDLG)

#define CLEARDOWN_RASENTRYDLG(SUFFIX, UNIT) \
    typedef struct tagRASENTRYDLG##SUFFIX { \
        DWORD dwSize;                       \
        HWND hwndOwner;                     \
        DWORD dwFlags;                      \
        LONG xDlg;                          \
        LONG yDlg;                          \
        UNIT szEntry[RAS_MaxEntryName + 1]; \
        DWORD dwError;                      \
        ULONG_PTR reserved;                 \
        ULONG_PTR reserved2;                \
    } RASENTRYDLG##SUFFIX, *LPRASENTRYDLG##SUFFIX;
CLEARDOWN_BOTH(CLEARDOWN_RASENTRYDLG)

typedef struct tagRASDIALDLG {
    DWORD dwSize;
    HWND hwndOwner;
    DWORD dwFlags;
    LONG xDlg;
    LONG yDlg;
    DWORD dwSubEntry;
    DWORD dwError;
    ULONG_PTR reserved;
    ULONG_PTR reserved2;
} RASDIALDLG, *LPRASDIALDLG;

#pragma pack(pop)

BOOL WINAPI RasPhonebookDlgA(LPSTR lpszPhonebook, LPSTR lpszEntry, LPRASPBDLGA lpInfo);
BOOL WINAPI RasPhonebookDlgW(LPWSTR lpszPhonebook, LPWSTR lpszEntry, LPRASPBDLGW lpInfo);
BOOL WINAPI RasEntryDlgA(LPSTR lpszPhonebook, LPSTR lpszEntry, LPRASENTRYDLGA lpInfo);
BOOL WINAPI RasEntryDlgW(LPWSTR lpszPhonebook, LPWSTR lpszEntry, LPRASENTRYDLGW lpInfo);
BOOL WINAPI RasDialDlgA(LPSTR lpszPhonebook, LPSTR lpszEntry, LPSTR lpszPhoneNumber, LPRASDIALDLG lpInfo);
BOOL WINAPI RasDialDlgW(LPWSTR lpszPhonebook, LPWSTR lpszEntry, LPWSTR lpszPhoneNumber, LPRASDIALDLG lpInfo);

#ifdef UNICODE
typedef RASNOUSERW RASNOUSER, *LPRASNOUSER;
typedef RASPBDLGW RASPBDLG, *LPRASPBDLG;
typedef RASENTRYDLGW RASENTRYDLG, *LPRASENTRYDLG;
typedef RASPBDLGFUNCW RASPBDLGFUNC;
#define RasPhonebookDlg RasPhonebookDlgW
#define RasEntryDlg RasEntryDlgW
#define RasDialDlg RasDialDlgW
#else
typedef RASNOUSERA RASNOUSER, *LPRASNOUSER;
typedef RASPBDLGA RASPBDLG, *LPRASPBDLG;
typedef RASENTRYDLGA RASENTRYDLG, *LPRASENTRYDLG;
typedef RASPBDLGFUNCA RASPBDLGFUNC;
#define RasPhonebookDlg RasPhonebookDlgA
#define RasEntryDlg RasEntryDlgA
#define RasDialDlg RasDialDlgA
#endif

#ifdef __cplusplus
}
#endif

#endif
