/* What ras.h says about limits, states and flags; programs include ras.h.
 *
 * Written for Cleardown from the public documentation. All names are there, also those of options that change nothing here.
 */
#ifndef CLEARDOWN_RAS_CONSTANTS_H
#define CLEARDOWN_RAS_CONSTANTS_H

#include "windows.h"
#include "lmcons.h"

#define RAS_MaxEntryName 256
#define RAS_MaxDeviceName 128
#define RAS_MaxDeviceType 16
#define RAS_MaxPhoneNumber 128
#define RAS_MaxCallbackNumber RAS_MaxPhoneNumber
#define RAS_MaxAreaCode 10
#define RAS_MaxPadType 32
#define RAS_MaxX25Address 200
#define RAS_MaxFacilities 200
#define RAS_MaxUserData 200
#define RAS_MaxReplyMessage 1024
#define RAS_MaxDnsSuffix 256
#define RAS_MaxIpAddress 15
#define RAS_MaxIpxAddress 21
#define RAS_MaxIDSize 256

/* ---- How far a link has come ---- */

#define RASCS_PAUSED 0x1000
#define RASCS_DONE 0x2000

typedef enum tagRASCONNSTATE {
    RASCS_OpenPort = 0,
    RASCS_PortOpened,
    RASCS_ConnectDevice,
    RASCS_DeviceConnected,
    RASCS_AllDevicesConnected,
    RASCS_Authenticate,
    RASCS_AuthNotify,
    RASCS_AuthRetry,
    RASCS_AuthCallback,
    RASCS_AuthChangePassword,
    RASCS_AuthProject,
    RASCS_AuthLinkSpeed,
    RASCS_AuthAck,
    RASCS_ReAuthenticate,
    RASCS_Authenticated,
    RASCS_PrepareForCallback,
    RASCS_WaitForModemReset,
    RASCS_WaitForCallback,
    RASCS_Projected,
    RASCS_StartAuthentication,
    RASCS_CallbackComplete,
    RASCS_LogonNetwork,
    RASCS_SubEntryConnected,
    RASCS_SubEntryDisconnected,
    RASCS_ApplySettings,
    RASCS_Interactive = RASCS_PAUSED,
    RASCS_RetryAuthentication,
    RASCS_CallbackSetByCaller,
    RASCS_PasswordExpired,
    RASCS_InvokeEapUI,
    RASCS_Connected = RASCS_DONE,
    RASCS_Disconnected
} RASCONNSTATE, *LPRASCONNSTATE;

#define RASCSS_DONE 0x2000
typedef enum tagRASCONNSUBSTATE {
    RASCSS_None = 0,
    RASCSS_Dormant,
    RASCSS_Reconnecting, /* the tunnel looks for its server again */
    RASCSS_Reconnected = RASCSS_DONE
} RASCONNSUBSTATE, *LPRASCONNSUBSTATE;

/* Of a link in a list: its entry is everybody's; and whose link it is. */
#define RASCF_AllUsers 1
#define RASCF_GlobalCreds 2
#define RASCF_OwnerKnown 4
#define RASCF_OwnerMatch 8
#define RASCF_IsOwner(flags) (((flags) & (RASCF_OwnerKnown | RASCF_OwnerMatch)) == (RASCF_OwnerKnown | RASCF_OwnerMatch))
#define RASCF_IsNotOwner(flags) (((flags) & (RASCF_OwnerKnown | RASCF_OwnerMatch)) == RASCF_OwnerKnown)

/* ---- What a link carries ---- */

typedef enum _RASPROJECTION {
    RASP_Amb = 0x10000,
    RASP_PppNbf = 0x803F,
    RASP_PppIpx = 0x802B,
    RASP_PppIp = 0x8021,
    RASP_PppCcp = 0x80FD,
    RASP_PppLcp = 0xC021,
    RASP_PppIpv6 = 0x8057,
    RASP_Slip = 0x20000
} RASPROJECTION, *LPRASPROJECTION;

typedef enum RASAPIVERSION {
    RASAPIVERSION_500 = 1,
    RASAPIVERSION_501 = 2,
    RASAPIVERSION_600 = 3,
    RASAPIVERSION_601 = 4
} RASAPIVERSION;
#define RASAPIVERSION_CURRENT RASAPIVERSION_601
typedef enum _RASPROJECTION_INFO_TYPE {
    PROJECTION_INFO_TYPE_PPP = 1,
    PROJECTION_INFO_TYPE_IKEv2 = 2
} RASPROJECTION_INFO_TYPE;

#define RASTUNNELENDPOINT_UNKNOWN 0
#define RASTUNNELENDPOINT_IPv4 1
#define RASTUNNELENDPOINT_IPv6 2

#define RASIPO_VJ 1
#define RASLCPAP_PAP 0xC023
#define RASLCPAP_SPAP 0xC027
#define RASLCPAP_CHAP 0xC223
#define RASLCPAP_EAP 0xC227
#define RASLCPAD_CHAP_MD5 0x05
#define RASLCPAD_CHAP_MS 0x80
#define RASLCPAD_CHAP_MSV2 0x81
#define RASLCPO_PFC 0x001
#define RASLCPO_ACFC 0x002
#define RASLCPO_SSHF 0x004
#define RASLCPO_DES_56 0x008
#define RASLCPO_3_DES 0x010
#define RASLCPO_AES_128 0x020
#define RASLCPO_AES_256 0x040
#define RASLCPO_AES_192 0x080
#define RASLCPO_GCM_AES_128 0x100
#define RASLCPO_GCM_AES_192 0x200
#define RASLCPO_GCM_AES_256 0x400
#define RASCCPCA_STAC 5
#define RASCCPCA_MPPC 6
#define RASCCPO_Compression 0x01
#define RASCCPO_HistoryLess 0x02
#define RASCCPO_Encryption56bit 0x10
#define RASCCPO_Encryption40bit 0x20
#define RASCCPO_Encryption128bit 0x40
#define RASIKEv2_FLAGS_MOBIKESUPPORTED 1
#define RASIKEv2_FLAGS_BEHIND_NAT 2
#define RASIKEv2_FLAGS_SERVERBEHIND_NAT 4
#define RASIKEv2_AUTH_MACHINECERTIFICATES 1
#define RASIKEv2_AUTH_EAP 2
#define RASIKEv2_AUTH_PSK 3

typedef enum _IKEV2_ID_PAYLOAD_TYPE {
    IKEV2_ID_PAYLOAD_TYPE_INVALID = 0,
    IKEV2_ID_PAYLOAD_TYPE_IPV4_ADDR = 1,
    IKEV2_ID_PAYLOAD_TYPE_FQDN = 2,
    IKEV2_ID_PAYLOAD_TYPE_RFC822_ADDR = 3,
    IKEV2_ID_PAYLOAD_TYPE_ID_IPV6_ADDR = 5,
    IKEV2_ID_PAYLOAD_TYPE_DER_ASN1_DN = 9,
    IKEV2_ID_PAYLOAD_TYPE_DER_ASN1_GN = 10,
    IKEV2_ID_PAYLOAD_TYPE_KEY_ID = 11,
    IKEV2_ID_PAYLOAD_TYPE_MAX
} IKEV2_ID_PAYLOAD_TYPE;

/* ---- Devices and entries ---- */

#define RASDT_Modem TEXT("modem")
#define RASDT_Isdn TEXT("isdn")
#define RASDT_X25 TEXT("x25")
#define RASDT_Vpn TEXT("vpn")
#define RASDT_Pad TEXT("pad")
#define RASDT_Generic TEXT("GENERIC")
#define RASDT_Serial TEXT("SERIAL")
#define RASDT_FrameRelay TEXT("FRAMERELAY")
#define RASDT_Atm TEXT("ATM")
#define RASDT_Sonet TEXT("SONET")
#define RASDT_SW56 TEXT("SW56")
#define RASDT_Irda TEXT("IRDA")
#define RASDT_Parallel TEXT("PARALLEL")
#define RASDT_PPPoE TEXT("PPPoE")

#define RASET_Phone 1
#define RASET_Vpn 2
#define RASET_Direct 3
#define RASET_Internet 4
#define RASET_Broadband 5

#define RASEO_UseCountryAndAreaCodes 0x00000001
#define RASEO_SpecificIpAddr 0x00000002
#define RASEO_SpecificNameServers 0x00000004
#define RASEO_IpHeaderCompression 0x00000008
#define RASEO_RemoteDefaultGateway 0x00000010
#define RASEO_DisableLcpExtensions 0x00000020
#define RASEO_TerminalBeforeDial 0x00000040
#define RASEO_TerminalAfterDial 0x00000080
#define RASEO_ModemLights 0x00000100
#define RASEO_SwCompression 0x00000200
#define RASEO_RequireEncryptedPw 0x00000400
#define RASEO_RequireMsEncryptedPw 0x00000800
#define RASEO_RequireDataEncryption 0x00001000
#define RASEO_NetworkLogon 0x00002000
#define RASEO_UseLogonCredentials 0x00004000
#define RASEO_PromoteAlternates 0x00008000
#define RASEO_SecureLocalFiles 0x00010000
#define RASEO_RequireEAP 0x00020000
#define RASEO_RequirePAP 0x00040000
#define RASEO_RequireSPAP 0x00080000
#define RASEO_Custom 0x00100000
#define RASEO_PreviewPhoneNumber 0x00200000
#define RASEO_SharedPhoneNumbers 0x00800000
#define RASEO_PreviewUserPw 0x01000000
#define RASEO_PreviewDomain 0x02000000
#define RASEO_ShowDialingProgress 0x04000000
#define RASEO_RequireCHAP 0x08000000
#define RASEO_RequireMsCHAP 0x10000000
#define RASEO_RequireMsCHAP2 0x20000000
#define RASEO_RequireW95MSCHAP 0x40000000
#define RASEO_CustomScript 0x80000000u

#define RASEO2_SecureFileAndPrint 0x00000001
#define RASEO2_SecureClientForMSNet 0x00000002
#define RASEO2_DontNegotiateMultilink 0x00000004
#define RASEO2_DontUseRasCredentials 0x00000008
#define RASEO2_UsePreSharedKey 0x00000010
#define RASEO2_Internet 0x00000020
#define RASEO2_DisableNbtOverIP 0x00000040
#define RASEO2_UseGlobalDeviceSettings 0x00000080
#define RASEO2_ReconnectIfDropped 0x00000100
#define RASEO2_SharePhoneNumbers 0x00000200
#define RASEO2_SecureRoutingCompartment 0x00000400
#define RASEO2_UseTypicalSettings 0x00000800
#define RASEO2_IPv6SpecificNameServers 0x00001000
#define RASEO2_IPv6RemoteDefaultGateway 0x00002000
#define RASEO2_RegisterIpWithDNS 0x00004000
#define RASEO2_UseDNSSuffixForRegistration 0x00008000
#define RASEO2_IPv4ExplicitMetric 0x00010000
#define RASEO2_IPv6ExplicitMetric 0x00020000
#define RASEO2_DisableIKENameEkuCheck 0x00040000
#define RASEO2_DisableClassBasedStaticRoute 0x00080000
#define RASEO2_SpecificIPv6Addr 0x00100000
#define RASEO2_DisableMobility 0x00200000
#define RASEO2_RequireMachineCertificates 0x00400000
#define RASEO2_UsePreSharedKeyForIkev2Initiator 0x00800000
#define RASEO2_UsePreSharedKeyForIkev2Responder 0x01000000
#define RASEO2_CacheCredentials 0x02000000
#define RASEO2_AutoTriggerCapable 0x04000000
#define RASEO2_IsThirdPartyProfile 0x08000000
#define RASEO2_AuthTypeIsOtp 0x10000000
#define RASEO2_IsAlwaysOn 0x20000000
#define RASEO2_IsPrivateNetwork 0x40000000
#define RASEO2_PlumbIKEv2TSAsRoutes 0x80000000u

#define RASNP_NetBEUI 1
#define RASNP_Ipx 2
#define RASNP_Ip 4
#define RASNP_Ipv6 8
#define RASFP_Ppp 1
#define RASFP_Slip 2
#define RASFP_Ras 4
#define RASEDM_DialAll 1
#define RASEDM_DialAsNeeded 2
#define RASIDS_Disabled 0xFFFFFFFFu
#define RASIDS_UseGlobalValue 0
#define ET_None 0
#define ET_Require 1
#define ET_RequireMax 2
#define ET_Optional 3
#define VS_Default 0
#define VS_PptpOnly 1
#define VS_PptpFirst 2
#define VS_L2tpOnly 3
#define VS_L2tpFirst 4
#define VS_SstpOnly 5
#define VS_SstpFirst 6
#define VS_Ikev2Only 7
#define VS_Ikev2First 8
#define VS_GREOnly 9
#define VS_PptpSstp 12
#define VS_L2tpSstp 13
#define VS_Ikev2Sstp 14
#define VS_ProtocolList 15

#define REN_User 0
#define REN_AllUsers 1

/* ---- What functions are told ---- */

#define RASCN_Connection 0x01
#define RASCN_Disconnection 0x02
#define RASCN_BandwidthAdded 0x04
#define RASCN_BandwidthRemoved 0x08
#define RASCN_Dormant 0x10
#define RASCN_ReConnection 0x20
#define RASCN_EPDGPacketArrival 0x40

#define RASCM_UserName 0x01
#define RASCM_Password 0x02
#define RASCM_Domain 0x04
#define RASCM_DefaultCreds 0x08
#define RASCM_PreSharedKey 0x10
#define RASCM_ServerPreSharedKey 0x20
#define RASCM_DDMPreSharedKey 0x40

#define RDEOPT_UsePrefixSuffix 0x0001
#define RDEOPT_PausedStates 0x0002
#define RDEOPT_IgnoreModemSpeaker 0x0004
#define RDEOPT_SetModemSpeaker 0x0008
#define RDEOPT_IgnoreSoftwareCompression 0x0010
#define RDEOPT_SetSoftwareCompression 0x0020
#define RDEOPT_DisableConnectedUI 0x0040
#define RDEOPT_DisableReconnectUI 0x0080
#define RDEOPT_DisableReconnect 0x0100
#define RDEOPT_NoUser 0x0200
#define RDEOPT_PauseOnScript 0x0400
#define RDEOPT_Router 0x0800
#define RDEOPT_CustomDial 0x1000
#define RDEOPT_UseCustomScripting 0x2000
#define RDEOPT_InvokeAutoTriggerCredentialUI 0x4000
#define RDEOPT_EapInfoCryptInCapable 0x8000

#define RASADP_DisableConnectionQuery 0
#define RASADP_LoginSessionDisable 1
#define RASADP_SavedAddressesLimit 2
#define RASADP_FailedConnectionTimeout 3
#define RASADP_ConnectionQueryTimeout 4
#define RASADFLG_PositionDlg 1

#define RASEAPF_NonInteractive 2
#define RASEAPF_Logon 4
#define RASEAPF_Preview 8

#define RCD_SingleUser 0
#define RCD_AllUsers 1
#define RCD_Eap 2
#define RCD_Logon 4

#define RASDIALEVENT "RasDialEvent"
#define WM_RASDIALEVENT 0xCCCD

#endif
