/* What ras.h says about protocols that no link here carries, and about autodial, extensible authentication and custom scripts, for
 * which nothing is done; programs include ras.h. Written for Cleardown from the public documentation.
 */
#ifndef CLEARDOWN_RAS_OTHER_H
#define CLEARDOWN_RAS_OTHER_H

#include "cleardown-ras-types.h"

#pragma pack(push, 4)

/* Each of these exists for both encodings. */
#define CLEARDOWN_BOTH(structure) structure(A, CHAR) structure(W, WCHAR)

/* ---- Results of protocols (RasGetProjectionInfo) ---- */

#define CLEARDOWN_RASAMB(SUFFIX, UNIT)             \
    typedef struct tagRASAMB##SUFFIX {             \
        DWORD dwSize;                              \
        DWORD dwError;                             \
        UNIT szNetBiosError[NETBIOS_NAME_LEN + 1]; \
        BYTE bLana;                                \
    } RASAMB##SUFFIX, *LPRASAMB##SUFFIX;
CLEARDOWN_BOTH(CLEARDOWN_RASAMB)

#define CLEARDOWN_RASPPPNBF(SUFFIX, UNIT)             \
    typedef struct tagRASPPPNBF##SUFFIX {             \
        DWORD dwSize;                                 \
        DWORD dwError;                                \
        DWORD dwNetBiosError;                         \
        UNIT szNetBiosError[NETBIOS_NAME_LEN + 1];    \
        UNIT szWorkstationName[NETBIOS_NAME_LEN + 1]; \
        BYTE bLana;                                   \
    } RASPPPNBF##SUFFIX, *LPRASPPPNBF##SUFFIX;
CLEARDOWN_BOTH(CLEARDOWN_RASPPPNBF)

#define CLEARDOWN_RASPPPIPX(SUFFIX, UNIT)         \
    typedef struct tagRASIPX##SUFFIX {            \
        DWORD dwSize;                             \
        DWORD dwError;                            \
        UNIT szIpxAddress[RAS_MaxIpxAddress + 1]; \
    } RASPPPIPX##SUFFIX, *LPRASPPPIPX##SUFFIX;
CLEARDOWN_BOTH(CLEARDOWN_RASPPPIPX)

#define CLEARDOWN_RASSLIP(SUFFIX, UNIT)         \
    typedef struct tagRASSLIP##SUFFIX {         \
        DWORD dwSize;                           \
        DWORD dwError;                          \
        UNIT szIpAddress[RAS_MaxIpAddress + 1]; \
    } RASSLIP##SUFFIX, *LPRASSLIP##SUFFIX;
CLEARDOWN_BOTH(CLEARDOWN_RASSLIP)

#if WINVER >= 0x500
#define CLEARDOWN_RASPPPLCP_500(UNIT)         \
    DWORD dwError;                            \
    DWORD dwAuthenticationProtocol;           \
    DWORD dwAuthenticationData;               \
    DWORD dwEapTypeId;                        \
    DWORD dwServerAuthenticationProtocol;     \
    DWORD dwServerAuthenticationData;         \
    DWORD dwServerEapTypeId;                  \
    BOOL fMultilink;                          \
    DWORD dwTerminateReason;                  \
    DWORD dwServerTerminateReason;            \
    UNIT szReplyMessage[RAS_MaxReplyMessage]; \
    DWORD dwOptions;                          \
    DWORD dwServerOptions;
#else
#define CLEARDOWN_RASPPPLCP_500(UNIT)
#endif
#define CLEARDOWN_RASPPPLCP(SUFFIX, UNIT) \
    typedef struct tagRASPPPLCP##SUFFIX { \
        DWORD dwSize;                     \
        BOOL fBundled;                    \
        CLEARDOWN_RASPPPLCP_500(UNIT)     \
    } RASPPPLCP##SUFFIX, *LPRASPPPLCP##SUFFIX;
CLEARDOWN_BOTH(CLEARDOWN_RASPPPLCP)

typedef struct tagRASPPPCCP {
    DWORD dwSize;
    DWORD dwError;
    DWORD dwCompressionAlgorithm;
    DWORD dwOptions;
    DWORD dwServerCompressionAlgorithm;
    DWORD dwServerOptions;
} RASPPPCCP, *LPRASPPPCCP;

/* ---- Autodial ---- */

#define CLEARDOWN_RASAUTODIALENTRY(SUFFIX, UNIT) \
    typedef struct tagRASAUTODIALENTRY##SUFFIX { \
        DWORD dwSize;                            \
        DWORD dwFlags;                           \
        DWORD dwDialingLocation;                 \
        UNIT szEntry[RAS_MaxEntryName + 1];      \
    } RASAUTODIALENTRY##SUFFIX, *LPRASAUTODIALENTRY##SUFFIX;
CLEARDOWN_BOTH(CLEARDOWN_RASAUTODIALENTRY)

typedef struct tagRASADPARAMS {
    DWORD dwSize;
    HWND hwndOwner;
    DWORD dwFlags;
    LONG xDlg;
    LONG yDlg;
} RASADPARAMS, *LPRASADPARAMS;

typedef BOOL(WINAPI *ORASADFUNC)(HWND, LPSTR, DWORD, LPDWORD);
typedef BOOL(WINAPI *RASADFUNCA)(LPSTR, LPSTR, LPRASADPARAMS, LPDWORD);
typedef BOOL(WINAPI *RASADFUNCW)(LPWSTR, LPWSTR, LPRASADPARAMS, LPDWORD);

/* ---- Extensible authentication ---- */

#define CLEARDOWN_RASEAPUSERIDENTITY(SUFFIX, UNIT) \
    typedef struct tagRASEAPUSERIDENTITY##SUFFIX { \
        UNIT szUserName[UNLEN + 1];                \
        DWORD dwSizeofEapInfo;                     \
        BYTE pbEapInfo[1];                         \
    } RASEAPUSERIDENTITY##SUFFIX, *LPRASEAPUSERIDENTITY##SUFFIX;
CLEARDOWN_BOTH(CLEARDOWN_RASEAPUSERIDENTITY)

/* ---- Moving a tunnel, and quarantine ---- */

typedef struct tagRASUPDATECONN {
    RASAPIVERSION version;
    DWORD dwSize;
    DWORD dwFlags;
    DWORD dwIfIndex;
    RASTUNNELENDPOINT localEndPoint;
    RASTUNNELENDPOINT remoteEndPoint;
} RASUPDATECONN, *LPRASUPDATECONN;

#define RASNAP_ProbationTime 1
typedef enum tagIsolationState {
    isolationStateNotRestricted = 1,
    isolationStateInProbation = 2,
    isolationStateRestrictedAccess = 3
} IsolationState;
typedef FILETIME ProbationTime;
typedef struct _tagRasNapState {
    DWORD dwSize;
    DWORD dwFlags;
    IsolationState isolationState;
    ProbationTime probationTime;
} RASNAPSTATE, *LPRASNAPSTATE;

/* ---- Custom dialling and scripts: what a program gives to Windows; nothing here calls it ---- */

typedef DWORD(WINAPI *RasCustomHangUpFn)(HRASCONN);
typedef DWORD(WINAPI *RasCustomDialFn)(HINSTANCE, LPRASDIALEXTENSIONS, LPCWSTR, LPRASDIALPARAMS, DWORD, LPVOID, LPHRASCONN, DWORD);
typedef DWORD(WINAPI *RasCustomDeleteEntryNotifyFn)(LPCWSTR, LPCWSTR, DWORD);
typedef DWORD(WINAPI *PFNRASGETBUFFER)(PBYTE *, PDWORD);
typedef DWORD(WINAPI *PFNRASFREEBUFFER)(PBYTE);
typedef DWORD(WINAPI *PFNRASSENDBUFFER)(HANDLE, PBYTE, DWORD);
typedef DWORD(WINAPI *PFNRASRECEIVEBUFFER)(HANDLE, PBYTE, PDWORD, DWORD, HANDLE);
typedef DWORD(WINAPI *PFNRASRETRIEVEBUFFER)(HANDLE, PBYTE, PDWORD);
typedef DWORD(WINAPI *RasCustomScriptExecuteFn)(HANDLE, LPCWSTR, LPCWSTR, PFNRASGETBUFFER, PFNRASFREEBUFFER, PFNRASSENDBUFFER, PFNRASRECEIVEBUFFER, PFNRASRETRIEVEBUFFER, HWND, RASDIALPARAMS *, PVOID);

typedef struct tagRASCOMMSETTINGS {
    DWORD dwSize;
    BYTE bParity;
    BYTE bStop;
    BYTE bByteSize;
    BYTE bAlign;
} RASCOMMSETTINGS;
typedef DWORD(WINAPI *PFNRASSETCOMMSETTINGS)(HANDLE, RASCOMMSETTINGS *, PVOID);
typedef struct tagRASCUSTOMSCRIPTEXTENSIONS {
    DWORD dwSize;
    PFNRASSETCOMMSETTINGS pfnRasSetCommSettings;
} RASCUSTOMSCRIPTEXTENSIONS;

#pragma pack(pop)

#ifdef UNICODE
typedef RASAMBW RASAMB, *LPRASAMB;
typedef RASPPPNBFW RASPPPNBF, *LPRASPPPNBF;
typedef RASPPPIPXW RASPPPIPX, *LPRASPPPIPX;
typedef RASSLIPW RASSLIP, *LPRASSLIP;
typedef RASPPPLCPW RASPPPLCP, *LPRASPPPLCP;
typedef RASAUTODIALENTRYW RASAUTODIALENTRY, *LPRASAUTODIALENTRY;
typedef RASEAPUSERIDENTITYW RASEAPUSERIDENTITY, *LPRASEAPUSERIDENTITY;
typedef RASADFUNCW RASADFUNC;
#else
typedef RASAMBA RASAMB, *LPRASAMB;
typedef RASPPPNBFA RASPPPNBF, *LPRASPPPNBF;
typedef RASPPPIPXA RASPPPIPX, *LPRASPPPIPX;
typedef RASSLIPA RASSLIP, *LPRASSLIP;
typedef RASPPPLCPA RASPPPLCP, *LPRASPPPLCP;
typedef RASAUTODIALENTRYA RASAUTODIALENTRY, *LPRASAUTODIALENTRY;
typedef RASEAPUSERIDENTITYA RASEAPUSERIDENTITY, *LPRASEAPUSERIDENTITY;
typedef RASADFUNCA RASADFUNC;
#endif

#endif
