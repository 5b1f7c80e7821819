/* ras.h: RAS, the interface of remote-access links.
 *
 * Written for Cleardown from the public documentation. Every function gives 0 or an error of raserror.h or winerror.h; the
 * thread's last error is left alone. The sizes of most buffers count bytes. Structures grew with Windows: dwSize says which
 * version a program was compiled with (WINVER), and all versions are accepted. A phone book is NULL (the user's own entries, and
 * the system's behind them), a folder of such entries, or a file that Windows wrote (rasphone.pbk), which is only read. Functions
 * are in librasapi32.
 */
#ifndef CLEARDOWN_RAS_H
#define CLEARDOWN_RAS_H

#include "cleardown-ras-other.h"

#ifdef __cplusplus
extern "C" {
#endif

/* Dials. Without a notifier it returns when the link is connected or the dial has failed; with one as soon as there is a handle, and
 * the notifier is called in a thread of its own on entering each state. The handle must be NULL before. One that was given must be
 * hung up, also after a failure. Dialling an entry that is connected gives one more reference. 756: called from a notifier. */
DWORD WINAPI RasDialA(LPRASDIALEXTENSIONS lpRasDialExtensions, LPCSTR lpszPhonebook, LPRASDIALPARAMSA lpRasDialParams, DWORD dwNotifierType, LPVOID lpvNotifier, LPHRASCONN lphRasConn);
DWORD WINAPI RasDialW(LPRASDIALEXTENSIONS lpRasDialExtensions, LPCWSTR lpszPhonebook, LPRASDIALPARAMSW lpRasDialParams, DWORD dwNotifierType, LPVOID lpvNotifier, LPHRASCONN lphRasConn);

/* Gives one reference to a link back; the last one ends it, also in the middle of a dial. When it returns, the line is free. 6: the
 * handle was never given out. 668: its link has ended. */
DWORD WINAPI RasHangUpA(HRASCONN hRasConn);
DWORD WINAPI RasHangUpW(HRASCONN hRasConn);

/* Lists the links that are connected. The first element's dwSize must be set (632). 603: too small; bytes and count are told. */
DWORD WINAPI RasEnumConnectionsA(LPRASCONNA lpRasConn, LPDWORD lpcb, LPDWORD lpcConnections);
DWORD WINAPI RasEnumConnectionsW(LPRASCONNW lpRasConn, LPDWORD lpcb, LPDWORD lpcConnections);

/* How far a link has come. 6: there is no such link, or it has ended and its line is free. */
DWORD WINAPI RasGetConnectStatusA(HRASCONN hRasConn, LPRASCONNSTATUSA lpRasConnStatus);
DWORD WINAPI RasGetConnectStatusW(HRASCONN hRasConn, LPRASCONNSTATUSW lpRasConnStatus);

/* The handle of a line of a link: a link has one. */
DWORD WINAPI RasGetSubEntryHandleA(HRASCONN hRasConn, DWORD dwSubEntry, LPHRASCONN lphRasConn);
DWORD WINAPI RasGetSubEntryHandleW(HRASCONN hRasConn, DWORD dwSubEntry, LPHRASCONN lphRasConn);

/* A sentence for an error of RAS (from 600 on). The size counts characters. 122: too small. */
DWORD WINAPI RasGetErrorStringA(UINT uErrorValue, LPSTR lpszErrorString, DWORD cBufSize);
DWORD WINAPI RasGetErrorStringW(UINT uErrorValue, LPWSTR lpszErrorString, DWORD cBufSize);

/* Sets an event whenever a link (INVALID_HANDLE_VALUE: any) is connected or ends, until the event is closed. */
DWORD WINAPI RasConnectionNotificationA(HRASCONN hRasConn, HANDLE hEvent, DWORD dwFlags);
DWORD WINAPI RasConnectionNotificationW(HRASCONN hRasConn, HANDLE hEvent, DWORD dwFlags);

/* Lists the entries of the phone books. */
DWORD WINAPI RasEnumEntriesA(LPCSTR reserved, LPCSTR lpszPhonebook, LPRASENTRYNAMEA lpRasEntryName, LPDWORD lpcb, LPDWORD lpcEntries);
DWORD WINAPI RasEnumEntriesW(LPCWSTR reserved, LPCWSTR lpszPhonebook, LPRASENTRYNAMEW lpRasEntryName, LPDWORD lpcb, LPDWORD lpcEntries);

/* May a new entry have this name? 123: it is no name. 183: it is taken. */
DWORD WINAPI RasValidateEntryNameA(LPCSTR lpszPhonebook, LPCSTR lpszEntry);
DWORD WINAPI RasValidateEntryNameW(LPCWSTR lpszPhonebook, LPCWSTR lpszEntry);

/* Renames an entry of the user's own. */
DWORD WINAPI RasRenameEntryA(LPCSTR lpszPhonebook, LPCSTR lpszOldEntry, LPCSTR lpszNewEntry);
DWORD WINAPI RasRenameEntryW(LPCWSTR lpszPhonebook, LPCWSTR lpszOldEntry, LPCWSTR lpszNewEntry);

/* Removes an entry of the user's own, with its password. */
DWORD WINAPI RasDeleteEntryA(LPCSTR lpszPhonebook, LPCSTR lpszEntry);
DWORD WINAPI RasDeleteEntryW(LPCWSTR lpszPhonebook, LPCWSTR lpszEntry);

/* What an entry says; with NULL what a new one would say. */
DWORD WINAPI RasGetEntryPropertiesA(LPCSTR lpszPhonebook, LPCSTR lpszEntry, LPRASENTRYA lpRasEntry, LPDWORD lpdwEntryInfoSize, LPBYTE lpbDeviceInfo, LPDWORD lpdwDeviceInfoSize);
DWORD WINAPI RasGetEntryPropertiesW(LPCWSTR lpszPhonebook, LPCWSTR lpszEntry, LPRASENTRYW lpRasEntry, LPDWORD lpdwEntryInfoSize, LPBYTE lpbDeviceInfo, LPDWORD lpdwDeviceInfoSize);

/* Changes or makes an entry of the user's own. */
DWORD WINAPI RasSetEntryPropertiesA(LPCSTR lpszPhonebook, LPCSTR lpszEntry, LPRASENTRYA lpRasEntry, DWORD dwEntryInfoSize, LPBYTE lpbDeviceInfo, DWORD dwDeviceInfoSize);
DWORD WINAPI RasSetEntryPropertiesW(LPCWSTR lpszPhonebook, LPCWSTR lpszEntry, LPRASENTRYW lpRasEntry, DWORD dwEntryInfoSize, LPBYTE lpbDeviceInfo, DWORD dwDeviceInfoSize);

/* The user of an entry, and whether a password is saved (as asterisks, which RasDial understands). */
DWORD WINAPI RasGetEntryDialParamsA(LPCSTR lpszPhonebook, LPRASDIALPARAMSA lpRasDialParams, LPBOOL lpfPassword);
DWORD WINAPI RasGetEntryDialParamsW(LPCWSTR lpszPhonebook, LPRASDIALPARAMSW lpRasDialParams, LPBOOL lpfPassword);

/* Saves user and password of an entry, or removes the password. */
DWORD WINAPI RasSetEntryDialParamsA(LPCSTR lpszPhonebook, LPRASDIALPARAMSA lpRasDialParams, BOOL fRemovePassword);
DWORD WINAPI RasSetEntryDialParamsW(LPCWSTR lpszPhonebook, LPRASDIALPARAMSW lpRasDialParams, BOOL fRemovePassword);

/* User, domain and (as asterisks) password of an entry, as far as dwMask asks for them. */
DWORD WINAPI RasGetCredentialsA(LPCSTR lpszPhonebook, LPCSTR lpszEntry, LPRASCREDENTIALSA lpCredentials);
DWORD WINAPI RasGetCredentialsW(LPCWSTR lpszPhonebook, LPCWSTR lpszEntry, LPRASCREDENTIALSW lpCredentials);

/* Saves them, or removes them. */
DWORD WINAPI RasSetCredentialsA(LPCSTR lpszPhonebook, LPCSTR lpszEntry, LPRASCREDENTIALSA lpCredentials, BOOL fClearCredentials);
DWORD WINAPI RasSetCredentialsW(LPCWSTR lpszPhonebook, LPCWSTR lpszEntry, LPRASCREDENTIALSW lpCredentials, BOOL fClearCredentials);

/* The device and number of an entry's line. */
DWORD WINAPI RasGetSubEntryPropertiesA(LPCSTR lpszPhonebook, LPCSTR lpszEntry, DWORD dwSubEntry, LPRASSUBENTRYA lpRasSubEntry, LPDWORD lpdwcb, LPBYTE lpbDeviceConfig, LPDWORD lpcbDeviceConfig);
DWORD WINAPI RasGetSubEntryPropertiesW(LPCWSTR lpszPhonebook, LPCWSTR lpszEntry, DWORD dwSubEntry, LPRASSUBENTRYW lpRasSubEntry, LPDWORD lpdwcb, LPBYTE lpbDeviceConfig, LPDWORD lpcbDeviceConfig);

/* Changes them. */
DWORD WINAPI RasSetSubEntryPropertiesA(LPCSTR lpszPhonebook, LPCSTR lpszEntry, DWORD dwSubEntry, LPRASSUBENTRYA lpRasSubEntry, DWORD dwcbRasSubEntry, LPBYTE lpbDeviceConfig, DWORD dwcbDeviceConfig);
DWORD WINAPI RasSetSubEntryPropertiesW(LPCWSTR lpszPhonebook, LPCWSTR lpszEntry, DWORD dwSubEntry, LPRASSUBENTRYW lpRasSubEntry, DWORD dwcbRasSubEntry, LPBYTE lpbDeviceConfig, DWORD dwcbDeviceConfig);

/* An entry has one line, which stays (50). */
DWORD WINAPI RasDeleteSubEntryA(LPCSTR pszPhonebook, LPCSTR pszEntry, DWORD dwSubentryId);
DWORD WINAPI RasDeleteSubEntryW(LPCWSTR pszPhonebook, LPCWSTR pszEntry, DWORD dwSubentryId);

/* Lists modems, serial ports, and the ways to dial that need no device. */
DWORD WINAPI RasEnumDevicesA(LPRASDEVINFOA lpRasDevInfo, LPDWORD lpcb, LPDWORD lpcDevices);
DWORD WINAPI RasEnumDevicesW(LPRASDEVINFOW lpRasDevInfo, LPDWORD lpcb, LPDWORD lpcDevices);

/* The addresses of a link. 731: the link does not carry this protocol. */
DWORD WINAPI RasGetProjectionInfoA(HRASCONN hRasConn, RASPROJECTION rasprojection, LPVOID lpProjection, LPDWORD lpcb);
DWORD WINAPI RasGetProjectionInfoW(HRASCONN hRasConn, RASPROJECTION rasprojection, LPVOID lpProjection, LPDWORD lpcb);

/* A country's dialling code and name, and which country is next. */
DWORD WINAPI RasGetCountryInfoA(LPRASCTRYINFOA lpRasCtryInfo, LPDWORD lpdwSize);
DWORD WINAPI RasGetCountryInfoW(LPRASCTRYINFOW lpRasCtryInfo, LPDWORD lpdwSize);

/* Not supported (50): extensible authentication. */
DWORD WINAPI RasGetEapUserDataA(HANDLE hToken, LPCSTR pszPhonebook, LPCSTR pszEntry, BYTE *pbEapData, DWORD *pdwSizeofEapData);
DWORD WINAPI RasGetEapUserDataW(HANDLE hToken, LPCWSTR pszPhonebook, LPCWSTR pszEntry, BYTE *pbEapData, DWORD *pdwSizeofEapData);
DWORD WINAPI RasSetEapUserDataA(HANDLE hToken, LPCSTR pszPhonebook, LPCSTR pszEntry, BYTE *pbEapData, DWORD dwSizeofEapData);
DWORD WINAPI RasSetEapUserDataW(HANDLE hToken, LPCWSTR pszPhonebook, LPCWSTR pszEntry, BYTE *pbEapData, DWORD dwSizeofEapData);
DWORD WINAPI RasGetCustomAuthDataA(LPCSTR pszPhonebook, LPCSTR pszEntry, BYTE *pbCustomAuthData, DWORD *pdwSizeofCustomAuthData);
DWORD WINAPI RasGetCustomAuthDataW(LPCWSTR pszPhonebook, LPCWSTR pszEntry, BYTE *pbCustomAuthData, DWORD *pdwSizeofCustomAuthData);
DWORD WINAPI RasSetCustomAuthDataA(LPCSTR pszPhonebook, LPCSTR pszEntry, BYTE *pbCustomAuthData, DWORD dwSizeofCustomAuthData);
DWORD WINAPI RasSetCustomAuthDataW(LPCWSTR pszPhonebook, LPCWSTR pszEntry, BYTE *pbCustomAuthData, DWORD dwSizeofCustomAuthData);

/* No entry needs an identity of extensible authentication (780); so there is none to free. */
DWORD WINAPI RasGetEapUserIdentityA(LPCSTR pszPhonebook, LPCSTR pszEntry, DWORD dwFlags, HWND hwnd, LPRASEAPUSERIDENTITYA *ppRasEapUserIdentity);
DWORD WINAPI RasGetEapUserIdentityW(LPCWSTR pszPhonebook, LPCWSTR pszEntry, DWORD dwFlags, HWND hwnd, LPRASEAPUSERIDENTITYW *ppRasEapUserIdentity);
VOID WINAPI RasFreeEapUserIdentityA(LPRASEAPUSERIDENTITYA pRasEapUserIdentity);
VOID WINAPI RasFreeEapUserIdentityW(LPRASEAPUSERIDENTITYW pRasEapUserIdentity);

/* Not supported (50): windows. */
DWORD WINAPI RasCreatePhonebookEntryA(HWND hwnd, LPCSTR lpszPhonebook);
DWORD WINAPI RasCreatePhonebookEntryW(HWND hwnd, LPCWSTR lpszPhonebook);
DWORD WINAPI RasEditPhonebookEntryA(HWND hwnd, LPCSTR lpszPhonebook, LPCSTR lpszEntryName);
DWORD WINAPI RasEditPhonebookEntryW(HWND hwnd, LPCWSTR lpszPhonebook, LPCWSTR lpszEntryName);

/* Not supported (50): nothing is dialled by itself. */
DWORD WINAPI RasGetAutodialAddressA(LPCSTR lpszAddress, LPDWORD lpdwReserved, LPRASAUTODIALENTRYA lpAutoDialEntries, LPDWORD lpdwcbAutoDialEntries, LPDWORD lpdwcAutoDialEntries);
DWORD WINAPI RasGetAutodialAddressW(LPCWSTR lpszAddress, LPDWORD lpdwReserved, LPRASAUTODIALENTRYW lpAutoDialEntries, LPDWORD lpdwcbAutoDialEntries, LPDWORD lpdwcAutoDialEntries);
DWORD WINAPI RasSetAutodialAddressA(LPCSTR lpszAddress, DWORD dwReserved, LPRASAUTODIALENTRYA lpAutoDialEntries, DWORD dwcbAutoDialEntries, DWORD dwcAutoDialEntries);
DWORD WINAPI RasSetAutodialAddressW(LPCWSTR lpszAddress, DWORD dwReserved, LPRASAUTODIALENTRYW lpAutoDialEntries, DWORD dwcbAutoDialEntries, DWORD dwcAutoDialEntries);
DWORD WINAPI RasEnumAutodialAddressesA(LPSTR *lppRasAutodialAddresses, LPDWORD lpdwcbRasAutodialAddresses, LPDWORD lpdwcRasAutodialAddresses);
DWORD WINAPI RasEnumAutodialAddressesW(LPWSTR *lppRasAutodialAddresses, LPDWORD lpdwcbRasAutodialAddresses, LPDWORD lpdwcRasAutodialAddresses);
DWORD WINAPI RasGetAutodialEnableA(DWORD dwDialingLocation, LPBOOL lpfEnabled);
DWORD WINAPI RasGetAutodialEnableW(DWORD dwDialingLocation, LPBOOL lpfEnabled);
DWORD WINAPI RasSetAutodialEnableA(DWORD dwDialingLocation, BOOL fEnabled);
DWORD WINAPI RasSetAutodialEnableW(DWORD dwDialingLocation, BOOL fEnabled);
DWORD WINAPI RasGetAutodialParamA(DWORD dwKey, LPVOID lpvValue, LPDWORD lpdwcbValue);
DWORD WINAPI RasGetAutodialParamW(DWORD dwKey, LPVOID lpvValue, LPDWORD lpdwcbValue);
DWORD WINAPI RasSetAutodialParamA(DWORD dwKey, LPVOID lpvValue, DWORD dwcbValue);
DWORD WINAPI RasSetAutodialParamW(DWORD dwKey, LPVOID lpvValue, DWORD dwcbValue);

/* Octets and seconds of a link, or of its one line; and counting anew, for this process. */
DWORD WINAPI RasGetConnectionStatistics(HRASCONN hRasConn, RAS_STATS *lpStatistics);
DWORD WINAPI RasGetLinkStatistics(HRASCONN hRasConn, DWORD dwSubEntry, RAS_STATS *lpStatistics);
DWORD WINAPI RasClearConnectionStatistics(HRASCONN hRasConn);
DWORD WINAPI RasClearLinkStatistics(HRASCONN hRasConn, DWORD dwSubEntry);

/* The addresses of a link of any kind, in the form for PPP. 730: they are not agreed on yet. */
DWORD WINAPI RasGetProjectionInfoEx(HRASCONN hrasconn, PRAS_PROJECTION_INFO pRasProjection, LPDWORD lpdwSize);

/* Not supported (50). */
DWORD WINAPI RasUpdateConnection(HRASCONN hrasconn, LPRASUPDATECONN lprasupdateconn);
DWORD WINAPI RasGetNapStatus(HRASCONN hRasConn, LPRASNAPSTATE pNapState);
DWORD WINAPI RasInvokeEapUI(HRASCONN hRasConn, DWORD dwSubEntry, LPRASDIALEXTENSIONS lpExtensions, HWND hwnd);

#ifdef UNICODE
#define RasDial RasDialW
#define RasHangUp RasHangUpW
#define RasEnumConnections RasEnumConnectionsW
#define RasGetConnectStatus RasGetConnectStatusW
#define RasGetSubEntryHandle RasGetSubEntryHandleW
#define RasGetErrorString RasGetErrorStringW
#define RasConnectionNotification RasConnectionNotificationW
#define RasEnumEntries RasEnumEntriesW
#define RasValidateEntryName RasValidateEntryNameW
#define RasRenameEntry RasRenameEntryW
#define RasDeleteEntry RasDeleteEntryW
#define RasGetEntryProperties RasGetEntryPropertiesW
#define RasSetEntryProperties RasSetEntryPropertiesW
#define RasGetEntryDialParams RasGetEntryDialParamsW
#define RasSetEntryDialParams RasSetEntryDialParamsW
#define RasGetCredentials RasGetCredentialsW
#define RasSetCredentials RasSetCredentialsW
#define RasGetSubEntryProperties RasGetSubEntryPropertiesW
#define RasSetSubEntryProperties RasSetSubEntryPropertiesW
#define RasDeleteSubEntry RasDeleteSubEntryW
#define RasEnumDevices RasEnumDevicesW
#define RasGetProjectionInfo RasGetProjectionInfoW
#define RasGetCountryInfo RasGetCountryInfoW
#define RasGetEapUserData RasGetEapUserDataW
#define RasSetEapUserData RasSetEapUserDataW
#define RasGetCustomAuthData RasGetCustomAuthDataW
#define RasSetCustomAuthData RasSetCustomAuthDataW
#define RasGetEapUserIdentity RasGetEapUserIdentityW
#define RasFreeEapUserIdentity RasFreeEapUserIdentityW
#define RasCreatePhonebookEntry RasCreatePhonebookEntryW
#define RasEditPhonebookEntry RasEditPhonebookEntryW
#define RasGetAutodialAddress RasGetAutodialAddressW
#define RasSetAutodialAddress RasSetAutodialAddressW
#define RasEnumAutodialAddresses RasEnumAutodialAddressesW
#define RasGetAutodialEnable RasGetAutodialEnableW
#define RasSetAutodialEnable RasSetAutodialEnableW
#define RasGetAutodialParam RasGetAutodialParamW
#define RasSetAutodialParam RasSetAutodialParamW
#else
#define RasDial RasDialA
#define RasHangUp RasHangUpA
#define RasEnumConnections RasEnumConnectionsA
#define RasGetConnectStatus RasGetConnectStatusA
#define RasGetSubEntryHandle RasGetSubEntryHandleA
#define RasGetErrorString RasGetErrorStringA
#define RasConnectionNotification RasConnectionNotificationA
#define RasEnumEntries RasEnumEntriesA
#define RasValidateEntryName RasValidateEntryNameA
#define RasRenameEntry RasRenameEntryA
#define RasDeleteEntry RasDeleteEntryA
#define RasGetEntryProperties RasGetEntryPropertiesA
#define RasSetEntryProperties RasSetEntryPropertiesA
#define RasGetEntryDialParams RasGetEntryDialParamsA
#define RasSetEntryDialParams RasSetEntryDialParamsA
#define RasGetCredentials RasGetCredentialsA
#define RasSetCredentials RasSetCredentialsA
#define RasGetSubEntryProperties RasGetSubEntryPropertiesA
#define RasSetSubEntryProperties RasSetSubEntryPropertiesA
#define RasDeleteSubEntry RasDeleteSubEntryA
#define RasEnumDevices RasEnumDevicesA
#define RasGetProjectionInfo RasGetProjectionInfoA
#define RasGetCountryInfo RasGetCountryInfoA
#define RasGetEapUserData RasGetEapUserDataA
#define RasSetEapUserData RasSetEapUserDataA
#define RasGetCustomAuthData RasGetCustomAuthDataA
#define RasSetCustomAuthData RasSetCustomAuthDataA
#define RasGetEapUserIdentity RasGetEapUserIdentityA
#define RasFreeEapUserIdentity RasFreeEapUserIdentityA
#define RasCreatePhonebookEntry RasCreatePhonebookEntryA
#define RasEditPhonebookEntry RasEditPhonebookEntryA
#define RasGetAutodialAddress RasGetAutodialAddressA
#define RasSetAutodialAddress RasSetAutodialAddressA
#define RasEnumAutodialAddresses RasEnumAutodialAddressesA
#define RasGetAutodialEnable RasGetAutodialEnableA
#define RasSetAutodialEnable RasSetAutodialEnableA
#define RasGetAutodialParam RasGetAutodialParamA
#define RasSetAutodialParam RasSetAutodialParamA
#endif

#ifdef __cplusplus
}
#endif

#endif
