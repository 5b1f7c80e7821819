/* What ras.h says about the structures of its functions; programs include ras.h.
 *
 * Written for Cleardown from the public documentation. Structures grew with Windows: dwSize says which version a program was
 * compiled with (WINVER), and all versions are accepted.
 */
#ifndef CLEARDOWN_RAS_TYPES_H
#define CLEARDOWN_RAS_TYPES_H

#include "windows.h"
#include "cleardown-ras-constants.h"
#include <netinet/in.h>

DECLARE_HANDLE(HRASCONN);
#define LPHRASCONN HRASCONN *

typedef struct RASIPADDR {
    BYTE a, b, c, d;
} RASIPADDR;
/* As the system's own network headers have them. */
typedef struct in_addr RASIPV4ADDR;
typedef struct in6_addr RASIPV6ADDR;

/* ---- Notifiers of RasDial ---- */

/* Type 0: message, state, error. */
typedef VOID(WINAPI *RASDIALFUNC)(UINT, RASCONNSTATE, DWORD);
/* Type 1: handle, message, state, error, extended error. */
typedef VOID(WINAPI *RASDIALFUNC1)(HRASCONN, UINT, RASCONNSTATE, DWORD, DWORD);
/* Type 2: the number of dwCallbackId, line, handle, message, state, error, extended error; 0 ends the calls. */
typedef DWORD(WINAPI *RASDIALFUNC2)(ULONG_PTR, DWORD, HRASCONN, UINT, RASCONNSTATE, DWORD, DWORD);

#pragma pack(push, 4)

typedef struct tagRASEAPINFO {
    DWORD dwSizeofEapInfo;
    BYTE *pbEapInfo;
} RASEAPINFO;
typedef struct tagRASDEVSPECIFICINFO {
    DWORD dwSize;
    BYTE *pbDevSpecificInfo;
} RASDEVSPECIFICINFO, *PRASDEVSPECIFICINFO;
typedef struct tagRASDIALEXTENSIONS {
    DWORD dwSize;
    DWORD dwfOptions;
    HWND hwndParent;
    ULONG_PTR reserved;
#if WINVER >= 0x500
    ULONG_PTR reserved1;
    RASEAPINFO RasEapInfo;
#endif
#if WINVER >= 0x601
    BOOL fSkipPppAuth;
    RASDEVSPECIFICINFO RasDevSpecificInfo;
#endif
} RASDIALEXTENSIONS, *LPRASDIALEXTENSIONS;

/* Where one end of a tunnel is. */
typedef struct tagRASTUNNELENDPOINT {
    DWORD dwType;
    __extension__ union {
        RASIPV4ADDR ipv4;
        RASIPV6ADDR ipv6;
    };
} RASTUNNELENDPOINT, *PRASTUNNELENDPOINT;

typedef struct _RAS_STATS {
    DWORD dwSize;
    DWORD dwBytesXmited;
    DWORD dwBytesRcved;
    DWORD dwFramesXmited;
    DWORD dwFramesRcved;
    DWORD dwCrcErr;
    DWORD dwTimeoutErr;
    DWORD dwAlignmentErr;
    DWORD dwHardwareOverrunErr;
    DWORD dwFramingErr;
    DWORD dwBufferOverrunErr;
    DWORD dwCompressionRatioIn;
    DWORD dwCompressionRatioOut;
    DWORD dwBps;
    DWORD dwConnectDuration;
} RAS_STATS, *PRAS_STATS;

typedef struct RASCTRYINFO {
    DWORD dwSize;
    DWORD dwCountryID;
    DWORD dwNextCountryID;
    DWORD dwCountryCode;
    DWORD dwCountryNameOffset;
} RASCTRYINFO, *LPRASCTRYINFO, RASCTRYINFOA, *LPRASCTRYINFOA, RASCTRYINFOW, *LPRASCTRYINFOW;

typedef struct tagRASPPPIPV6 {
    DWORD dwSize;
    DWORD dwError;
    BYTE bLocalInterfaceIdentifier[8];
    BYTE bPeerInterfaceIdentifier[8];
    BYTE bLocalCompressionProtocol[2];
    BYTE bPeerCompressionProtocol[2];
} RASPPPIPV6, *LPRASPPPIPV6;

/* RASCONN: a link in the list of RasEnumConnections. */
typedef struct tagRASCONNA {
    DWORD dwSize;
    HRASCONN hrasconn;
    CHAR szEntryName[RAS_MaxEntryName + 1];
#if WINVER >= 0x400
    CHAR szDeviceType[RAS_MaxDeviceType + 1];
    CHAR szDeviceName[RAS_MaxDeviceName + 1];
#endif
#if WINVER >= 0x401
    CHAR szPhonebook[MAX_PATH];
    DWORD dwSubEntry;
#endif
#if WINVER >= 0x500
    GUID guidEntry;
#endif
#if WINVER >= 0x501
    DWORD dwFlags;
    LUID luid;
#endif
#if WINVER >= 0x600
    GUID guidCorrelationId;
#endif
} RASCONNA, *LPRASCONNA;
typedef struct tagRASCONNW {
    DWORD dwSize;
    HRASCONN hrasconn;
    WCHAR szEntryName[RAS_MaxEntryName + 1];
#if WINVER >= 0x400
    WCHAR szDeviceType[RAS_MaxDeviceType + 1];
    WCHAR szDeviceName[RAS_MaxDeviceName + 1];
#endif
#if WINVER >= 0x401
    WCHAR szPhonebook[MAX_PATH];
    DWORD dwSubEntry;
#endif
#if WINVER >= 0x500
    GUID guidEntry;
#endif
#if WINVER >= 0x501
    DWORD dwFlags;
    LUID luid;
#endif
#if WINVER >= 0x600
    GUID guidCorrelationId;
#endif
} RASCONNW, *LPRASCONNW;

/* RASCONNSTATUS: how far a link has come; dwError is the link's. */
typedef struct tagRASCONNSTATUSA {
    DWORD dwSize;
    RASCONNSTATE rasconnstate;
    DWORD dwError;
    CHAR szDeviceType[RAS_MaxDeviceType + 1];
    CHAR szDeviceName[RAS_MaxDeviceName + 1];
#if WINVER >= 0x401
    CHAR szPhoneNumber[RAS_MaxPhoneNumber + 1];
#endif
#if WINVER >= 0x601
    RASTUNNELENDPOINT localEndPoint;
    RASTUNNELENDPOINT remoteEndPoint;
    RASCONNSUBSTATE rasconnsubstate;
#endif
} RASCONNSTATUSA, *LPRASCONNSTATUSA;
typedef struct tagRASCONNSTATUSW {
    DWORD dwSize;
    RASCONNSTATE rasconnstate;
    DWORD dwError;
    WCHAR szDeviceType[RAS_MaxDeviceType + 1];
    WCHAR szDeviceName[RAS_MaxDeviceName + 1];
#if WINVER >= 0x401
    WCHAR szPhoneNumber[RAS_MaxPhoneNumber + 1];
#endif
#if WINVER >= 0x601
    RASTUNNELENDPOINT localEndPoint;
    RASTUNNELENDPOINT remoteEndPoint;
    RASCONNSUBSTATE rasconnsubstate;
#endif
} RASCONNSTATUSW, *LPRASCONNSTATUSW;

/* RASENTRYNAME: an entry in the list of RasEnumEntries. */
typedef struct tagRASENTRYNAMEA {
    DWORD dwSize;
    CHAR szEntryName[RAS_MaxEntryName + 1];
#if WINVER >= 0x500
    DWORD dwFlags;
    CHAR szPhonebookPath[MAX_PATH + 1];
#endif
} RASENTRYNAMEA, *LPRASENTRYNAMEA;
typedef struct tagRASENTRYNAMEW {
    DWORD dwSize;
    WCHAR szEntryName[RAS_MaxEntryName + 1];
#if WINVER >= 0x500
    DWORD dwFlags;
    WCHAR szPhonebookPath[MAX_PATH + 1];
#endif
} RASENTRYNAMEW, *LPRASENTRYNAMEW;

/* RASDEVINFO: a device in the list of RasEnumDevices. */
typedef struct tagRASDEVINFOA {
    DWORD dwSize;
    CHAR szDeviceType[RAS_MaxDeviceType + 1];
    CHAR szDeviceName[RAS_MaxDeviceName + 1];
} RASDEVINFOA, *LPRASDEVINFOA;
typedef struct tagRASDEVINFOW {
    DWORD dwSize;
    WCHAR szDeviceType[RAS_MaxDeviceType + 1];
    WCHAR szDeviceName[RAS_MaxDeviceName + 1];
} RASDEVINFOW, *LPRASDEVINFOW;

/* RASDIALPARAMS: what is dialled, and as whom. */
typedef struct tagRASDIALPARAMSA {
    DWORD dwSize;
    CHAR szEntryName[RAS_MaxEntryName + 1];
    CHAR szPhoneNumber[RAS_MaxPhoneNumber + 1];
    CHAR szCallbackNumber[RAS_MaxCallbackNumber + 1];
    CHAR szUserName[UNLEN + 1];
    CHAR szPassword[PWLEN + 1];
    CHAR szDomain[DNLEN + 1];
#if WINVER >= 0x401
    DWORD dwSubEntry;
    ULONG_PTR dwCallbackId;
#endif
#if WINVER >= 0x601
    DWORD dwIfIndex;
#endif
#if WINVER >= 0x602
    PSTR szEncPassword;
#endif
} RASDIALPARAMSA, *LPRASDIALPARAMSA;
typedef struct tagRASDIALPARAMSW {
    DWORD dwSize;
    WCHAR szEntryName[RAS_MaxEntryName + 1];
    WCHAR szPhoneNumber[RAS_MaxPhoneNumber + 1];
    WCHAR szCallbackNumber[RAS_MaxCallbackNumber + 1];
    WCHAR szUserName[UNLEN + 1];
    WCHAR szPassword[PWLEN + 1];
    WCHAR szDomain[DNLEN + 1];
#if WINVER >= 0x401
    DWORD dwSubEntry;
    ULONG_PTR dwCallbackId;
#endif
#if WINVER >= 0x601
    DWORD dwIfIndex;
#endif
#if WINVER >= 0x602
    PWSTR szEncPassword;
#endif
} RASDIALPARAMSW, *LPRASDIALPARAMSW;

/* RASCREDENTIALS: user, password and domain of an entry. */
typedef struct tagRASCREDENTIALSA {
    DWORD dwSize;
    DWORD dwMask;
    CHAR szUserName[UNLEN + 1];
    CHAR szPassword[PWLEN + 1];
    CHAR szDomain[DNLEN + 1];
} RASCREDENTIALSA, *LPRASCREDENTIALSA;
typedef struct tagRASCREDENTIALSW {
    DWORD dwSize;
    DWORD dwMask;
    WCHAR szUserName[UNLEN + 1];
    WCHAR szPassword[PWLEN + 1];
    WCHAR szDomain[DNLEN + 1];
} RASCREDENTIALSW, *LPRASCREDENTIALSW;

/* RASENTRY: an entry of the phone book. */
typedef struct tagRASENTRYA {
    DWORD dwSize;
    DWORD dwfOptions;
    DWORD dwCountryID;
    DWORD dwCountryCode;
    CHAR szAreaCode[RAS_MaxAreaCode + 1];
    CHAR szLocalPhoneNumber[RAS_MaxPhoneNumber + 1];
    DWORD dwAlternateOffset;
    RASIPADDR ipaddr;
    RASIPADDR ipaddrDns;
    RASIPADDR ipaddrDnsAlt;
    RASIPADDR ipaddrWins;
    RASIPADDR ipaddrWinsAlt;
    DWORD dwFrameSize;
    DWORD dwfNetProtocols;
    DWORD dwFramingProtocol;
    CHAR szScript[MAX_PATH];
    CHAR szAutodialDll[MAX_PATH];
    CHAR szAutodialFunc[MAX_PATH];
    CHAR szDeviceType[RAS_MaxDeviceType + 1];
    CHAR szDeviceName[RAS_MaxDeviceName + 1];
    CHAR szX25PadType[RAS_MaxPadType + 1];
    CHAR szX25Address[RAS_MaxX25Address + 1];
    CHAR szX25Facilities[RAS_MaxFacilities + 1];
    CHAR szX25UserData[RAS_MaxUserData + 1];
    DWORD dwChannels;
    DWORD dwReserved1;
    DWORD dwReserved2;
#if WINVER >= 0x401
    DWORD dwSubEntries;
    DWORD dwDialMode;
    DWORD dwDialExtraPercent;
    DWORD dwDialExtraSampleSeconds;
    DWORD dwHangUpExtraPercent;
    DWORD dwHangUpExtraSampleSeconds;
    DWORD dwIdleDisconnectSeconds;
#endif
#if WINVER >= 0x500
    DWORD dwType;
    DWORD dwEncryptionType;
    DWORD dwCustomAuthKey;
    GUID guidId;
    CHAR szCustomDialDll[MAX_PATH];
    DWORD dwVpnStrategy;
#endif
#if WINVER >= 0x501
    DWORD dwfOptions2;
    DWORD dwfOptions3;
    CHAR szDnsSuffix[RAS_MaxDnsSuffix];
    DWORD dwTcpWindowSize;
    CHAR szPrerequisitePbk[MAX_PATH];
    CHAR szPrerequisiteEntry[RAS_MaxEntryName + 1];
    DWORD dwRedialCount;
    DWORD dwRedialPause;
#endif
#if WINVER >= 0x600
    RASIPV6ADDR ipv6addrDns;
    RASIPV6ADDR ipv6addrDnsAlt;
    DWORD dwIPv4InterfaceMetric;
    DWORD dwIPv6InterfaceMetric;
#endif
#if WINVER >= 0x601
    RASIPV6ADDR ipv6addr;
    DWORD dwIPv6PrefixLength;
    DWORD dwNetworkOutageTime;
#endif
#if WINVER >= 0xA00
    CHAR szIDi[RAS_MaxIDSize + 1];
    CHAR szIDr[RAS_MaxIDSize + 1];
    BOOL fIsImsConfig;
    IKEV2_ID_PAYLOAD_TYPE IdiType;
    IKEV2_ID_PAYLOAD_TYPE IdrType;
    BOOL fDisableIKEv2Fragmentation;
#endif
} RASENTRYA, *LPRASENTRYA;
typedef struct tagRASENTRYW {
    DWORD dwSize;
    DWORD dwfOptions;
    DWORD dwCountryID;
    DWORD dwCountryCode;
    WCHAR szAreaCode[RAS_MaxAreaCode + 1];
    WCHAR szLocalPhoneNumber[RAS_MaxPhoneNumber + 1];
    DWORD dwAlternateOffset;
    RASIPADDR ipaddr;
    RASIPADDR ipaddrDns;
    RASIPADDR ipaddrDnsAlt;
    RASIPADDR ipaddrWins;
    RASIPADDR ipaddrWinsAlt;
    DWORD dwFrameSize;
    DWORD dwfNetProtocols;
    DWORD dwFramingProtocol;
    WCHAR szScript[MAX_PATH];
    WCHAR szAutodialDll[MAX_PATH];
    WCHAR szAutodialFunc[MAX_PATH];
    WCHAR szDeviceType[RAS_MaxDeviceType + 1];
    WCHAR szDeviceName[RAS_MaxDeviceName + 1];
    WCHAR szX25PadType[RAS_MaxPadType + 1];
    WCHAR szX25Address[RAS_MaxX25Address + 1];
    WCHAR szX25Facilities[RAS_MaxFacilities + 1];
    WCHAR szX25UserData[RAS_MaxUserData + 1];
    DWORD dwChannels;
    DWORD dwReserved1;
    DWORD dwReserved2;
#if WINVER >= 0x401
    DWORD dwSubEntries;
    DWORD dwDialMode;
    DWORD dwDialExtraPercent;
    DWORD dwDialExtraSampleSeconds;
    DWORD dwHangUpExtraPercent;
    DWORD dwHangUpExtraSampleSeconds;
    DWORD dwIdleDisconnectSeconds;
#endif
#if WINVER >= 0x500
    DWORD dwType;
    DWORD dwEncryptionType;
    DWORD dwCustomAuthKey;
    GUID guidId;
    WCHAR szCustomDialDll[MAX_PATH];
    DWORD dwVpnStrategy;
#endif
#if WINVER >= 0x501
    DWORD dwfOptions2;
    DWORD dwfOptions3;
    WCHAR szDnsSuffix[RAS_MaxDnsSuffix];
    DWORD dwTcpWindowSize;
    WCHAR szPrerequisitePbk[MAX_PATH];
    WCHAR szPrerequisiteEntry[RAS_MaxEntryName + 1];
    DWORD dwRedialCount;
    DWORD dwRedialPause;
#endif
#if WINVER >= 0x600
    RASIPV6ADDR ipv6addrDns;
    RASIPV6ADDR ipv6addrDnsAlt;
    DWORD dwIPv4InterfaceMetric;
    DWORD dwIPv6InterfaceMetric;
#endif
#if WINVER >= 0x601
    RASIPV6ADDR ipv6addr;
    DWORD dwIPv6PrefixLength;
    DWORD dwNetworkOutageTime;
#endif
#if WINVER >= 0xA00
    WCHAR szIDi[RAS_MaxIDSize + 1];
    WCHAR szIDr[RAS_MaxIDSize + 1];
    BOOL fIsImsConfig;
    IKEV2_ID_PAYLOAD_TYPE IdiType;
    IKEV2_ID_PAYLOAD_TYPE IdrType;
    BOOL fDisableIKEv2Fragmentation;
#endif
} RASENTRYW, *LPRASENTRYW;

/* RASSUBENTRY: one line of an entry. */
typedef struct tagRASSUBENTRYA {
    DWORD dwSize;
    DWORD dwfFlags;
    CHAR szDeviceType[RAS_MaxDeviceType + 1];
    CHAR szDeviceName[RAS_MaxDeviceName + 1];
    CHAR szLocalPhoneNumber[RAS_MaxPhoneNumber + 1];
    DWORD dwAlternateOffset;
} RASSUBENTRYA, *LPRASSUBENTRYA;
typedef struct tagRASSUBENTRYW {
    DWORD dwSize;
    DWORD dwfFlags;
    WCHAR szDeviceType[RAS_MaxDeviceType + 1];
    WCHAR szDeviceName[RAS_MaxDeviceName + 1];
    WCHAR szLocalPhoneNumber[RAS_MaxPhoneNumber + 1];
    DWORD dwAlternateOffset;
} RASSUBENTRYW, *LPRASSUBENTRYW;

/* RASPPPIP: what IPCP agreed on. */
typedef struct tagRASPPPIPA {
    DWORD dwSize;
    DWORD dwError;
    CHAR szIpAddress[RAS_MaxIpAddress + 1];
#if WINVER >= 0x400
    CHAR szServerIpAddress[RAS_MaxIpAddress + 1];
#endif
#if WINVER >= 0x500
    DWORD dwOptions;
    DWORD dwServerOptions;
#endif
} RASPPPIPA, *LPRASPPPIPA;
typedef struct tagRASPPPIPW {
    DWORD dwSize;
    DWORD dwError;
    WCHAR szIpAddress[RAS_MaxIpAddress + 1];
#if WINVER >= 0x400
    WCHAR szServerIpAddress[RAS_MaxIpAddress + 1];
#endif
#if WINVER >= 0x500
    DWORD dwOptions;
    DWORD dwServerOptions;
#endif
} RASPPPIPW, *LPRASPPPIPW;

/* RAS_PROJECTION_INFO: what RasGetProjectionInfoEx tells of a link. */
typedef struct _RASPPP_PROJECTION_INFO {
    DWORD dwIPv4NegotiationError; /* 0: the addresses below are in use */
    RASIPV4ADDR ipv4Address;
    RASIPV4ADDR ipv4ServerAddress;
    DWORD dwIPv4Options;
    DWORD dwIPv4ServerOptions;
    DWORD dwIPv6NegotiationError;
    BYTE bInterfaceIdentifier[8];
    BYTE bServerInterfaceIdentifier[8];
    BOOL fBundled;
    BOOL fMultilink;
    DWORD dwAuthenticationProtocol;
    DWORD dwAuthenticationData;
    DWORD dwServerAuthenticationProtocol;
    DWORD dwServerAuthenticationData;
    DWORD dwEapTypeId;
    DWORD dwServerEapTypeId;
    DWORD dwLcpOptions;
    DWORD dwLcpServerOptions;
    DWORD dwCcpError;
    DWORD dwCcpCompressionAlgorithm;
    DWORD dwCcpServerCompressionAlgorithm;
    DWORD dwCcpOptions;
    DWORD dwCcpServerOptions;
} RASPPP_PROJECTION_INFO, *PRASPPP_PROJECTION_INFO;
typedef struct _RASIKEV2_PROJECTION_INFO {
    DWORD dwIPv4NegotiationError;
    RASIPV4ADDR ipv4Address;
    RASIPV4ADDR ipv4ServerAddress;
    DWORD dwIPv6NegotiationError;
    RASIPV6ADDR ipv6Address;
    RASIPV6ADDR ipv6ServerAddress;
    DWORD dwPrefixLength;
    DWORD dwAuthenticationProtocol;
    DWORD dwEapTypeId;
    DWORD dwFlags;
    DWORD dwEncryptionMethod;
    DWORD numIPv4ServerAddresses;
    RASIPV4ADDR *ipv4ServerAddresses;
    DWORD numIPv6ServerAddresses;
    RASIPV6ADDR *ipv6ServerAddresses;
} RASIKEV2_PROJECTION_INFO, *PRASIKEV2_PROJECTION_INFO;
typedef struct _RAS_PROJECTION_INFO {
    RASAPIVERSION version;
    RASPROJECTION_INFO_TYPE type;
    __extension__ union {
        RASPPP_PROJECTION_INFO ppp;
        RASIKEV2_PROJECTION_INFO ikev2;
    };
} RAS_PROJECTION_INFO, *PRAS_PROJECTION_INFO;

#pragma pack(pop)

#ifdef UNICODE
typedef RASCONNW RASCONN;
typedef LPRASCONNW LPRASCONN;
typedef RASCONNSTATUSW RASCONNSTATUS;
typedef LPRASCONNSTATUSW LPRASCONNSTATUS;
typedef RASENTRYNAMEW RASENTRYNAME;
typedef LPRASENTRYNAMEW LPRASENTRYNAME;
typedef RASDEVINFOW RASDEVINFO;
typedef LPRASDEVINFOW LPRASDEVINFO;
typedef RASDIALPARAMSW RASDIALPARAMS;
typedef LPRASDIALPARAMSW LPRASDIALPARAMS;
typedef RASCREDENTIALSW RASCREDENTIALS;
typedef LPRASCREDENTIALSW LPRASCREDENTIALS;
typedef RASENTRYW RASENTRY;
typedef LPRASENTRYW LPRASENTRY;
typedef RASSUBENTRYW RASSUBENTRY;
typedef LPRASSUBENTRYW LPRASSUBENTRY;
typedef RASPPPIPW RASPPPIP;
typedef LPRASPPPIPW LPRASPPPIP;
#else
typedef RASCONNA RASCONN;
typedef LPRASCONNA LPRASCONN;
typedef RASCONNSTATUSA RASCONNSTATUS;
typedef LPRASCONNSTATUSA LPRASCONNSTATUS;
typedef RASENTRYNAMEA RASENTRYNAME;
typedef LPRASENTRYNAMEA LPRASENTRYNAME;
typedef RASDEVINFOA RASDEVINFO;
typedef LPRASDEVINFOA LPRASDEVINFO;
typedef RASDIALPARAMSA RASDIALPARAMS;
typedef LPRASDIALPARAMSA LPRASDIALPARAMS;
typedef RASCREDENTIALSA RASCREDENTIALS;
typedef LPRASCREDENTIALSA LPRASCREDENTIALS;
typedef RASENTRYA RASENTRY;
typedef LPRASENTRYA LPRASENTRY;
typedef RASSUBENTRYA RASSUBENTRY;
typedef LPRASSUBENTRYA LPRASSUBENTRY;
typedef RASPPPIPA RASPPPIP;
typedef LPRASPPPIPA LPRASPPPIP;
#endif

#endif
