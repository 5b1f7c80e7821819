/* The newest version of each. */
#define _WIN32_WINNT 0x0A00
/* Prints for each structure where its fields are, in the order of the documentation, and its size. */
#include <windows.h>
#include <winnetwk.h>
#include <ras.h>
#include <rasdlg.h>

#define BEGIN(type) printf(#type); { typedef type T;
#define F(field) printf(" %zu", offsetof(T, field));
#define END printf(" %zu\n", sizeof(T)); }

int main(void)
{
    BEGIN(NETRESOURCE)
    F(dwScope) F(dwType) F(dwDisplayType) F(dwUsage) F(lpLocalName) F(lpRemoteName) F(lpComment) F(lpProvider)
    END
    BEGIN(UNIVERSAL_NAME_INFO) F(lpUniversalName) END
    BEGIN(REMOTE_NAME_INFO) F(lpUniversalName) F(lpConnectionName) F(lpRemainingPath) END
    BEGIN(NETINFOSTRUCT)
    F(cbStructure) F(dwProviderVersion) F(dwStatus) F(dwCharacteristics) F(dwHandle) F(wNetType) F(dwPrinters) F(dwDrives)
    END
    BEGIN(NETCONNECTINFOSTRUCT) F(cbStructure) F(dwFlags) F(dwSpeed) F(dwDelay) F(dwOptDataSize) END
    BEGIN(CONNECTDLGSTRUCT) F(cbStructure) F(hwndOwner) F(lpConnRes) F(dwFlags) F(dwDevNum) END
    BEGIN(DISCDLGSTRUCT) F(cbStructure) F(hwndOwner) F(lpLocalName) F(lpRemoteName) F(dwFlags) END
    BEGIN(RASCONN)
    F(dwSize) F(hrasconn) F(szEntryName) F(szDeviceType) F(szDeviceName) F(szPhonebook) F(dwSubEntry) F(guidEntry)
    F(dwFlags) F(luid) F(guidCorrelationId)
    END
    BEGIN(RASCONNSTATUS)
    F(dwSize) F(rasconnstate) F(dwError) F(szDeviceType) F(szDeviceName) F(szPhoneNumber) F(localEndPoint)
    F(remoteEndPoint) F(rasconnsubstate)
    END
    BEGIN(RASENTRYNAME)
    F(dwSize) F(szEntryName) F(dwFlags) F(szPhonebookPath)
    END
    BEGIN(RASDEVINFO)
    F(dwSize) F(szDeviceType) F(szDeviceName)
    END
    BEGIN(RASDIALPARAMS)
    F(dwSize) F(szEntryName) F(szPhoneNumber) F(szCallbackNumber) F(szUserName) F(szPassword) F(szDomain)
    F(dwSubEntry) F(dwCallbackId) F(dwIfIndex) F(szEncPassword)
    END
    BEGIN(RASDIALEXTENSIONS)
    F(dwSize) F(dwfOptions) F(hwndParent) F(reserved) F(reserved1) F(RasEapInfo.dwSizeofEapInfo)
    F(RasEapInfo.pbEapInfo) F(fSkipPppAuth) F(RasDevSpecificInfo.dwSize) F(RasDevSpecificInfo.pbDevSpecificInfo)
    END
    BEGIN(RASCREDENTIALS)
    F(dwSize) F(dwMask) F(szUserName) F(szPassword) F(szDomain)
    END
    BEGIN(RASENTRY)
    F(dwSize) F(dwfOptions) F(dwCountryID) F(dwCountryCode) F(szAreaCode) F(szLocalPhoneNumber) F(dwAlternateOffset)
    F(ipaddr) F(ipaddrDns) F(ipaddrDnsAlt) F(ipaddrWins) F(ipaddrWinsAlt) F(dwFrameSize) F(dwfNetProtocols)
    F(dwFramingProtocol) F(szScript) F(szAutodialDll) F(szAutodialFunc) F(szDeviceType) F(szDeviceName)
    F(szX25PadType) F(szX25Address) F(szX25Facilities) F(szX25UserData) F(dwChannels) F(dwReserved1) F(dwReserved2)
    F(dwSubEntries) F(dwDialMode) F(dwDialExtraPercent) F(dwDialExtraSampleSeconds) F(dwHangUpExtraPercent)
    F(dwHangUpExtraSampleSeconds) F(dwIdleDisconnectSeconds) F(dwType) F(dwEncryptionType) F(dwCustomAuthKey)
    F(guidId) F(szCustomDialDll) F(dwVpnStrategy) F(dwfOptions2) F(dwfOptions3) F(szDnsSuffix) F(dwTcpWindowSize)
    F(szPrerequisitePbk) F(szPrerequisiteEntry) F(dwRedialCount) F(dwRedialPause) F(ipv6addrDns) F(ipv6addrDnsAlt)
    F(dwIPv4InterfaceMetric) F(dwIPv6InterfaceMetric) F(ipv6addr) F(dwIPv6PrefixLength) F(dwNetworkOutageTime)
    F(szIDi) F(szIDr) F(fIsImsConfig) F(IdiType) F(IdrType) F(fDisableIKEv2Fragmentation)
    END
    BEGIN(RASSUBENTRY)
    F(dwSize) F(dwfFlags) F(szDeviceType) F(szDeviceName) F(szLocalPhoneNumber) F(dwAlternateOffset)
    END
    BEGIN(RASCTRYINFO)
    F(dwSize) F(dwCountryID) F(dwNextCountryID) F(dwCountryCode) F(dwCountryNameOffset)
    END
    BEGIN(RAS_STATS)
    F(dwSize) F(dwBytesXmited) F(dwBytesRcved) F(dwFramesXmited) F(dwFramesRcved) F(dwCrcErr) F(dwCompressionRatioIn)
    F(dwBps) F(dwConnectDuration)
    END
    BEGIN(RASPPPIP)
    F(dwSize) F(dwError) F(szIpAddress) F(szServerIpAddress) F(dwOptions) F(dwServerOptions)
    END
    BEGIN(RASPPPIPV6)
    F(dwSize) F(dwError) F(bLocalInterfaceIdentifier) F(bPeerInterfaceIdentifier) F(bLocalCompressionProtocol)
    F(bPeerCompressionProtocol)
    END
    BEGIN(RAS_PROJECTION_INFO)
    F(version) F(type) F(ppp.dwIPv4NegotiationError) F(ppp.ipv4Address) F(ppp.ipv4ServerAddress) F(ppp.dwIPv4Options)
    F(ppp.dwIPv4ServerOptions) F(ppp.dwIPv6NegotiationError) F(ppp.bInterfaceIdentifier)
    F(ppp.bServerInterfaceIdentifier) F(ppp.fBundled)
    END
    BEGIN(RASPBDLG)
    F(dwSize) F(hwndOwner) F(dwFlags) F(xDlg) F(yDlg) F(dwCallbackId) F(pCallback) F(dwError) F(reserved)
    END
    BEGIN(RASENTRYDLG)
    F(dwSize) F(hwndOwner) F(dwFlags) F(xDlg) F(yDlg) F(szEntry) F(dwError) F(reserved)
    END
    BEGIN(RASDIALDLG)
    F(dwSize) F(hwndOwner) F(dwFlags) F(xDlg) F(yDlg) F(dwSubEntry) F(dwError) F(reserved)
    END
    return 0;
}
