/* raserror.h: the errors of RAS, with the numbers and names of the public documentation, and our own words. The test of the C
 * interface keeps it the same as our table.
 */
#ifndef CLEARDOWN_RASERROR_H
#define CLEARDOWN_RASERROR_H

#define RASBASE 600
#define SUCCESS 0

#define PENDING 600 /* the operation has begun and is not done yet */
#define ERROR_INVALID_PORT_HANDLE 601 /* the port handle is not one that was given out */
#define ERROR_PORT_ALREADY_OPEN 602 /* the port is open already */
#define ERROR_BUFFER_TOO_SMALL 603 /* the buffer is too small */
#define ERROR_WRONG_INFO_SPECIFIED 604 /* what was specified is not correct */
#define ERROR_CANNOT_SET_PORT_INFO 605 /* the port's settings cannot be changed */
#define ERROR_PORT_NOT_CONNECTED 606 /* the port is not connected */
#define ERROR_EVENT_INVALID 607 /* the event is not valid */
#define ERROR_DEVICE_DOES_NOT_EXIST 608 /* there is no such device */
#define ERROR_DEVICETYPE_DOES_NOT_EXIST 609 /* there is no such type of device */
#define ERROR_BUFFER_INVALID 610 /* the buffer is not valid */
#define ERROR_ROUTE_NOT_AVAILABLE 611 /* the route is not available */
#define ERROR_ROUTE_NOT_ALLOCATED 612 /* the route was not allocated */
#define ERROR_INVALID_COMPRESSION_SPECIFIED 613 /* the compression is not a valid one */
#define ERROR_OUT_OF_BUFFERS 614 /* there are no buffers left */
#define ERROR_PORT_NOT_FOUND 615 /* there is no such port */
#define ERROR_ASYNC_REQUEST_PENDING 616 /* a request is already under way */
#define ERROR_ALREADY_DISCONNECTING 617 /* the link is already being hung up */
#define ERROR_PORT_NOT_OPEN 618 /* the port is not open */
#define ERROR_PORT_DISCONNECTED 619 /* the port was disconnected */
#define ERROR_NO_ENDPOINTS 620 /* there are no endpoints */
#define ERROR_CANNOT_OPEN_PHONEBOOK 621 /* the phone book cannot be opened */
#define ERROR_CANNOT_LOAD_PHONEBOOK 622 /* the phone book cannot be loaded */
#define ERROR_CANNOT_FIND_PHONEBOOK_ENTRY 623 /* the phone book has no such entry */
#define ERROR_CANNOT_WRITE_PHONEBOOK 624 /* the phone book cannot be written */
#define ERROR_CORRUPT_PHONEBOOK 625 /* the phone book is damaged */
#define ERROR_CANNOT_LOAD_STRING 626 /* a text cannot be loaded */
#define ERROR_KEY_NOT_FOUND 627 /* a key is missing */
#define ERROR_DISCONNECTION 628 /* the link was ended before it was complete */
#define ERROR_REMOTE_DISCONNECTION 629 /* the peer ended the link */
#define ERROR_HARDWARE_FAILURE 630 /* the device does not answer */
#define ERROR_USER_DISCONNECTION 631 /* the link was ended on request */
#define ERROR_INVALID_SIZE 632 /* a structure has a wrong size */
#define ERROR_PORT_NOT_AVAILABLE 633 /* the port is in use */
#define ERROR_CANNOT_PROJECT_CLIENT 634 /* the peer could not register this machine on its network */
#define ERROR_UNKNOWN 635 /* the error is not known */
#define ERROR_WRONG_DEVICE_ATTACHED 636 /* the device at the port is not the expected one */
#define ERROR_BAD_STRING 637 /* a text cannot be converted */
#define ERROR_REQUEST_TIMEOUT 638 /* the request took too long */
#define ERROR_CANNOT_GET_LANA 639 /* no NetBIOS network is free */
#define ERROR_NETBIOS_ERROR 640 /* a NetBIOS error occurred */
#define ERROR_SERVER_OUT_OF_RESOURCES 641 /* the server lacks the resources for the link */
#define ERROR_NAME_EXISTS_ON_NET 642 /* one of this machine's names is taken on the peer's network */
#define ERROR_SERVER_GENERAL_NET_FAILURE 643 /* the server's own network failed */
#define ERROR_MSG_ALIAS_NOT_ADDED 644 /* messages for this machine's name will not arrive */
#define ERROR_AUTH_INTERNAL 645 /* authentication failed by an internal error */
#define ERROR_RESTRICTED_LOGON_HOURS 646 /* the account may not log on at this hour */
#define ERROR_ACCT_DISABLED 647 /* the account is disabled */
#define ERROR_PASSWD_EXPIRED 648 /* the password has expired */
#define ERROR_NO_DIALIN_PERMISSION 649 /* the account may not dial in */
#define ERROR_SERVER_NOT_RESPONDING 650 /* the server does not answer */
#define ERROR_FROM_DEVICE 651 /* the device reported an error */
#define ERROR_UNRECOGNIZED_RESPONSE 652 /* the device's answer was not understood */
#define ERROR_MACRO_NOT_FOUND 653 /* a macro of the device is missing */
#define ERROR_MACRO_NOT_DEFINED 654 /* a macro of the device is not defined */
#define ERROR_MESSAGE_MACRO_NOT_FOUND 655 /* the device's message macro is missing */
#define ERROR_DEFAULTOFF_MACRO_NOT_FOUND 656 /* the device's default-off macro is missing */
#define ERROR_FILE_COULD_NOT_BE_OPENED 657 /* the device's description cannot be opened */
#define ERROR_DEVICENAME_TOO_LONG 658 /* the device's name is too long */
#define ERROR_DEVICENAME_NOT_FOUND 659 /* the device's name has no description */
#define ERROR_NO_RESPONSES 660 /* the device's description has no answers */
#define ERROR_NO_COMMAND_FOUND 661 /* the device's description lacks a command */
#define ERROR_WRONG_KEY_SPECIFIED 662 /* the wrong key was set */
#define ERROR_UNKNOWN_DEVICE_TYPE 663 /* the type of device is not known */
#define ERROR_ALLOCATING_MEMORY 664 /* there is not enough memory */
#define ERROR_PORT_NOT_CONFIGURED 665 /* the port is not set up for this */
#define ERROR_DEVICE_NOT_READY 666 /* the device is not ready */
#define ERROR_READING_INI_FILE 667 /* a configuration file cannot be read */
#define ERROR_NO_CONNECTION 668 /* the connection was dropped */
#define ERROR_BAD_USAGE_IN_INI_FILE 669 /* a usage in a configuration file is not valid */
#define ERROR_READING_SECTIONNAME 670 /* a section name cannot be read */
#define ERROR_READING_DEVICETYPE 671 /* a type of device cannot be read */
#define ERROR_READING_DEVICENAME 672 /* a device's name cannot be read */
#define ERROR_READING_USAGE 673 /* a usage cannot be read */
#define ERROR_READING_MAXCONNECTBPS 674 /* the highest port speed cannot be read */
#define ERROR_READING_MAXCARRIERBPS 675 /* the highest carrier speed cannot be read */
#define ERROR_LINE_BUSY 676 /* the line is busy */
#define ERROR_VOICE_ANSWER 677 /* a person answered, and not a modem */
#define ERROR_NO_ANSWER 678 /* there was no answer */
#define ERROR_NO_CARRIER 679 /* no carrier was detected */
#define ERROR_NO_DIALTONE 680 /* there is no dial tone */
#define ERROR_IN_COMMAND 681 /* the modem reported a wrong command */
#define ERROR_WRITING_SECTIONNAME 682 /* a section name cannot be written */
#define ERROR_WRITING_DEVICETYPE 683 /* a type of device cannot be written */
#define ERROR_WRITING_DEVICENAME 684 /* a device's name cannot be written */
#define ERROR_WRITING_MAXCONNECTBPS 685 /* the highest port speed cannot be written */
#define ERROR_WRITING_MAXCARRIERBPS 686 /* the highest carrier speed cannot be written */
#define ERROR_WRITING_USAGE 687 /* a usage cannot be written */
#define ERROR_WRITING_DEFAULTOFF 688 /* a default-off setting cannot be written */
#define ERROR_READING_DEFAULTOFF 689 /* a default-off setting cannot be read */
#define ERROR_EMPTY_INI_FILE 690 /* a configuration file is empty */
#define ERROR_AUTHENTICATION_FAILURE 691 /* the peer did not accept the user with this password */
#define ERROR_PORT_OR_DEVICE 692 /* the port or the device failed */
#define ERROR_NOT_BINARY_MACRO 693 /* a macro is not binary */
#define ERROR_DCB_NOT_FOUND 694 /* the device has no control block */
#define ERROR_STATE_MACHINES_NOT_STARTED 695 /* the state machines have not been started */
#define ERROR_STATE_MACHINES_ALREADY_STARTED 696 /* the state machines run already */
#define ERROR_PARTIAL_RESPONSE_LOOPING 697 /* a partial answer of the device goes round in circles */
#define ERROR_UNKNOWN_RESPONSE_KEY 698 /* a key in the device's answer is not known */
#define ERROR_RECV_BUF_FULL 699 /* the device's answer is too long */
#define ERROR_CMD_TOO_LONG 700 /* a command to the device is too long */
#define ERROR_UNSUPPORTED_BPS 701 /* the device does not know this speed */
#define ERROR_UNEXPECTED_RESPONSE 702 /* the device answered something unexpected */
#define ERROR_INTERACTIVE_MODE 703 /* the dial needs a person, and none may be asked */
#define ERROR_BAD_CALLBACK_NUMBER 704 /* the number to call back is not valid */
#define ERROR_INVALID_AUTH_STATE 705 /* authentication is in a wrong state */
#define ERROR_WRITING_INITBPS 706 /* the initial speed cannot be written */
#define ERROR_X25_DIAGNOSTIC 707 /* the X.25 network reported an error */
#define ERROR_ACCT_EXPIRED 708 /* the account has expired */
#define ERROR_CHANGING_PASSWORD 709 /* the new password was not accepted */
#define ERROR_OVERRUN 710 /* characters were lost on the serial line */
#define ERROR_RASMAN_CANNOT_INITIALIZE 711 /* the connection manager cannot start */
#define ERROR_BIPLEX_PORT_NOT_AVAILABLE 712 /* the port is being set up for calls in both directions */
#define ERROR_NO_ACTIVE_ISDN_LINES 713 /* no ISDN line is active */
#define ERROR_NO_ISDN_CHANNELS_AVAILABLE 714 /* no ISDN channel is free */
#define ERROR_TOO_MANY_LINE_ERRORS 715 /* the line is too disturbed */
#define ERROR_IP_CONFIGURATION 716 /* the IP settings of the link cannot be used */
#define ERROR_NO_IP_ADDRESSES 717 /* the peer has no IP address left to give */
#define ERROR_PPP_TIMEOUT 718 /* the peer stopped answering while PPP was negotiated */
#define ERROR_PPP_REMOTE_TERMINATED 719 /* the peer ended PPP */
#define ERROR_PPP_NO_PROTOCOLS_CONFIGURED 720 /* no network protocol could be agreed on */
#define ERROR_PPP_NO_RESPONSE 721 /* the peer does not answer PPP */
#define ERROR_PPP_INVALID_PACKET 722 /* the peer sent a PPP packet that makes no sense */
#define ERROR_PHONE_NUMBER_TOO_LONG 723 /* the telephone number is too long */
#define ERROR_IPXCP_NO_DIALOUT_CONFIGURED 724 /* IPX is not set up for dialling out */
#define ERROR_IPXCP_NO_DIALIN_CONFIGURED 725 /* IPX is not set up for dialling in */
#define ERROR_IPXCP_DIALOUT_ALREADY_ACTIVE 726 /* another link uses IPX already */
#define ERROR_ACCESSING_TCPCFGDLL 727 /* the TCP/IP configuration cannot be reached */
#define ERROR_NO_IP_RAS_ADAPTER 728 /* there is no interface for IP over this link */
#define ERROR_SLIP_REQUIRES_IP 729 /* SLIP needs IP */
#define ERROR_PROJECTION_NOT_COMPLETE 730 /* the network protocols are not all agreed on yet */
#define ERROR_PROTOCOL_NOT_CONFIGURED 731 /* the network protocol is not set up */
#define ERROR_PPP_NOT_CONVERGING 732 /* the peer does not agree with what is needed */
#define ERROR_PPP_CP_REJECTED 733 /* the peer does not know the network protocol */
#define ERROR_PPP_LCP_TERMINATED 734 /* the peer ended the PPP link */
#define ERROR_PPP_REQUIRED_ADDRESS_REJECTED 735 /* the peer does not allow the address that was asked for */
#define ERROR_PPP_NCP_TERMINATED 736 /* the peer ended the network protocol */
#define ERROR_PPP_LOOPBACK_DETECTED 737 /* the line brings back what is sent */
#define ERROR_PPP_NO_ADDRESS_ASSIGNED 738 /* the peer gave no address */
#define ERROR_CANNOT_USE_LOGON_CREDENTIALS 739 /* the peer's authentication cannot use the login password */
#define ERROR_TAPI_CONFIGURATION 740 /* the telephone devices are not set up correctly */
#define ERROR_NO_LOCAL_ENCRYPTION 741 /* encryption is required, and not supported here */
#define ERROR_NO_REMOTE_ENCRYPTION 742 /* encryption is required, and the peer does not support it */
#define ERROR_REMOTE_REQUIRES_ENCRYPTION 743 /* the peer requires encryption */
#define ERROR_IPXCP_NET_NUMBER_CONFLICT 744 /* the IPX network number is not the peer's */
#define ERROR_INVALID_SMM 745 /* a part of the authentication cannot be used */
#define ERROR_SMM_UNINITIALIZED 746 /* a part of the authentication was not started */
#define ERROR_NO_MAC_FOR_PORT 747 /* the port has no network address */
#define ERROR_SMM_TIMEOUT 748 /* a part of the authentication took too long */
#define ERROR_BAD_PHONE_NUMBER 749 /* the telephone number is not valid */
#define ERROR_WRONG_MODULE 750 /* the wrong module was asked */
#define ERROR_INVALID_CALLBACK_NUMBER 751 /* the number to call back has characters that cannot be dialled */
#define ERROR_SCRIPT_SYNTAX 752 /* the script has a syntax error */
#define ERROR_HANGUP_FAILED 753 /* the link cannot be hung up, because another made it */
#define ERROR_BUNDLE_NOT_FOUND 754 /* the multilink bundle was not found */
#define ERROR_CANNOT_DO_CUSTOMDIAL 755 /* an entry with a dialler of its own cannot be dialled automatically */
#define ERROR_DIAL_ALREADY_IN_PROGRESS 756 /* the entry is already being dialled */
#define ERROR_RASAUTO_CANNOT_INITIALIZE 757 /* automatic dialling cannot start */
#define ERROR_CONNECTION_ALREADY_SHARED 758 /* the connection is shared already */
#define ERROR_SHARING_CHANGE_FAILED 759 /* sharing cannot be changed */
#define ERROR_SHARING_ROUTER_INSTALL 760 /* routing for sharing cannot be set up */
#define ERROR_SHARE_CONNECTION_FAILED 761 /* the connection cannot be shared */
#define ERROR_SHARING_PRIVATE_INSTALL 762 /* the network to share with cannot be set up */
#define ERROR_CANNOT_SHARE_CONNECTION 763 /* sharing needs a second network, and only one */
#define ERROR_NO_SMART_CARD_READER 764 /* there is no smart card reader */
#define ERROR_SHARING_ADDRESS_EXISTS 765 /* the address that sharing needs is in use */
#define ERROR_NO_CERTIFICATE 766 /* no certificate was found */
#define ERROR_SHARING_MULTIPLE_ADDRESSES 767 /* the network to share with has several addresses */
#define ERROR_FAILED_TO_ENCRYPT 768 /* data could not be encrypted */
#define ERROR_BAD_ADDRESS_SPECIFIED 769 /* the destination cannot be reached */
#define ERROR_CONNECTION_REJECT 770 /* the peer rejected the call */
#define ERROR_CONGESTION 771 /* the network is congested */
#define ERROR_INCOMPATIBLE 772 /* the other side's device does not fit this kind of call */
#define ERROR_NUMBERCHANGED 773 /* the number has changed */
#define ERROR_TEMPFAILURE 774 /* the call failed for a reason that may pass */
#define ERROR_BLOCKED 775 /* the other side blocks the call */
#define ERROR_DONOTDISTURB 776 /* the other side does not want to be disturbed */
#define ERROR_OUTOFORDER 777 /* the other side's device is out of order */
#define ERROR_UNABLE_TO_AUTHENTICATE_SERVER 778 /* the server did not prove who it is */
#define ERROR_SMART_CARD_REQUIRED 779 /* a smart card is required */
#define ERROR_INVALID_FUNCTION_FOR_ENTRY 780 /* this cannot be done with this kind of entry */
#define ERROR_CERT_FOR_ENCRYPTION_NOT_FOUND 781 /* the certificate for encryption was not found */
#define ERROR_SHARING_RRAS_CONFLICT 782 /* sharing cannot be used while routing is set up */
#define ERROR_SHARING_NO_PRIVATE_LAN 783 /* the network to share with is gone */
#define ERROR_NO_DIFF_USER_AT_LOGON 784 /* another user's link cannot be dialled at login */
#define ERROR_NO_REG_CERT_AT_LOGON 785 /* this certificate cannot be used at login */
#define ERROR_OAKLEY_NO_CERT 786 /* IPsec: this machine has no valid certificate */
#define ERROR_OAKLEY_AUTH_FAIL 787 /* IPsec: the peer could not be authenticated */
#define ERROR_OAKLEY_ATTRIB_FAIL 788 /* IPsec: no proposal was agreed on */
#define ERROR_OAKLEY_GENERAL_PROCESSING 789 /* IPsec: the negotiation failed */
#define ERROR_OAKLEY_NO_PEER_CERT 790 /* IPsec: the peer's certificate is not valid */
#define ERROR_OAKLEY_NO_POLICY 791 /* IPsec: there is no policy for the link */
#define ERROR_OAKLEY_TIMED_OUT 792 /* IPsec: the negotiation took too long */
#define ERROR_OAKLEY_ERROR 793 /* IPsec: an unknown error occurred */
#define ERROR_UNKNOWN_FRAMED_PROTOCOL 794 /* the account demands a framing that is not PPP */
#define ERROR_WRONG_TUNNEL_TYPE 795 /* the account demands another kind of tunnel */
#define ERROR_UNKNOWN_SERVICE_TYPE 796 /* the account demands another kind of service */
#define ERROR_CONNECTING_DEVICE_NOT_FOUND 797 /* the modem was not found or is busy */
#define ERROR_NO_EAPTLS_CERTIFICATE 798 /* there is no certificate for EAP */
#define ERROR_SHARING_HOST_ADDRESS_CONFLICT 799 /* the address that sharing needs is another machine's */
#define ERROR_AUTOMATIC_VPN_FAILED 800 /* none of the kinds of tunnel could be built */
#define ERROR_VALIDATING_SERVER_CERT 801 /* the server's certificate is not the expected one */
#define ERROR_READING_SCARD 802 /* the smart card cannot be read */
#define ERROR_INVALID_PEAP_COOKIE_CONFIG 803 /* the PEAP settings are not valid */
#define ERROR_INVALID_PEAP_COOKIE_USER 804 /* the PEAP user settings are not valid */
#define ERROR_INVALID_MSCHAPV2_CONFIG 805 /* the MS-CHAPv2 settings are not valid */
#define ERROR_VPN_GRE_BLOCKED 806 /* something on the way blocks GRE, which the tunnel needs */
#define ERROR_VPN_DISCONNECT 807 /* the tunnel was interrupted */
#define ERROR_VPN_REFUSED 808 /* the server refused the tunnel */
#define ERROR_VPN_TIMEOUT 809 /* the server of the tunnel does not answer */
#define ERROR_VPN_BAD_CERT 810 /* the tunnel's certificate is not valid */
#define ERROR_VPN_BAD_PSK 811 /* the key that both sides should share differs */
#define ERROR_SERVER_POLICY 812 /* the server's policy does not allow it, for example this way of authentication */
#define ERROR_BROADBAND_ACTIVE 813 /* another broadband link uses the same device */
#define ERROR_BROADBAND_NO_NIC 814 /* the network card for the broadband link is missing */
#define ERROR_BROADBAND_TIMEOUT 815 /* the broadband server does not answer */
#define ERROR_FEATURE_DEPRECATED 816 /* the feature does not exist any more */
#define ERROR_CANNOT_DELETE 817 /* the entry cannot be removed while it is connected */
#define ERROR_RASQEC_RESOURCE_CREATION_FAILED 818 /* access protection could not get its resources */
#define ERROR_RASQEC_NAPAGENT_NOT_ENABLED 819 /* the access protection agent is not enabled */
#define ERROR_RASQEC_NAPAGENT_NOT_CONNECTED 820 /* the access protection agent cannot be reached */
#define ERROR_RASQEC_CONN_DOESNOTEXIST 821 /* access protection does not know the connection */
#define ERROR_RASQEC_TIMEOUT 822 /* the access protection agent does not answer */
#define ERROR_PEAP_CRYPTOBINDING_INVALID 823 /* the PEAP crypto binding is wrong */
#define ERROR_PEAP_CRYPTOBINDING_NOTRECEIVED 824 /* the PEAP crypto binding did not arrive */
#define ERROR_INVALID_VPNSTRATEGY 825 /* the order of tunnel kinds is not valid */
#define ERROR_EAPTLS_CACHE_CREDENTIALS_INVALID 826 /* the stored EAP credentials are not valid */
#define ERROR_IPSEC_SERVICE_STOPPED 827 /* IPsec's service does not run */
#define ERROR_IDLE_TIMEOUT 828 /* the link was idle for too long */
#define ERROR_LINK_FAILURE 829 /* the link broke */
#define ERROR_USER_LOGOFF 830 /* the link was ended because the user logged off */
#define ERROR_FAST_USER_SWITCH 831 /* the link was ended because the user changed */
#define ERROR_HIBERNATION 832 /* the link was ended because the machine hibernates */
#define ERROR_SYSTEM_SUSPENDED 833 /* the link was ended because the machine sleeps */
#define ERROR_RASMAN_SERVICE_STOPPED 834 /* the link was ended because the connection manager stopped */
#define ERROR_INVALID_SERVER_CERT 835 /* the server's certificate does not fit its name, or is not meant for this */
#define ERROR_NOT_NAP_CAPABLE 836 /* the peer demands access protection, which is not supported */
#define ERROR_INVALID_TUNNELID 837 /* the tunnel is not known */
#define ERROR_UPDATECONNECTION_REQUEST_IN_PROCESS 838 /* the connection is already being changed */
#define ERROR_PROTOCOL_ENGINE_DISABLED 839 /* the protocol's engine is disabled */
#define ERROR_INTERNAL_ADDRESS_FAILURE 840 /* the server gave no inner address */
#define ERROR_FAILED_CP_REQUIRED 841 /* the server demands settings that were not asked for */
#define ERROR_TS_UNACCEPTABLE 842 /* the networks that the tunnel should carry were not accepted */
#define ERROR_MOBIKE_DISABLED 843 /* moving the tunnel to another address is disabled */
#define ERROR_CANNOT_INITIATE_MOBIKE_UPDATE 844 /* the tunnel cannot be moved to another address */
#define ERROR_PEAP_SERVER_REJECTED_CLIENT_TLV 845 /* the PEAP server rejected what it was told */
#define ERROR_INVALID_PREFERENCES 846 /* the preferences are not valid */
#define ERROR_EAPTLS_SCARD_CACHE_CREDENTIALS_INVALID 847 /* the stored smart card credentials are not valid */
#define ERROR_SSTP_COOKIE_SET_FAILURE 848 /* the web proxy's cookie could not be set */
#define ERROR_INVALID_PEAP_COOKIE_ATTRIBUTES 849 /* the PEAP settings have wrong attributes */
#define ERROR_EAP_METHOD_NOT_INSTALLED 850 /* the EAP method is not installed */
#define ERROR_EAP_METHOD_DOES_NOT_SUPPORT_SSO 851 /* the EAP method cannot use the login password */
#define ERROR_EAP_METHOD_OPERATION_NOT_SUPPORTED 852 /* the EAP method cannot do this */
#define ERROR_EAP_USER_CERT_INVALID 853 /* the user's EAP certificate is not valid */
#define ERROR_EAP_USER_CERT_EXPIRED 854 /* the user's EAP certificate has expired */
#define ERROR_EAP_USER_CERT_REVOKED 855 /* the user's EAP certificate was revoked */
#define ERROR_EAP_USER_CERT_OTHER_ERROR 856 /* the user's EAP certificate cannot be used */
#define ERROR_EAP_SERVER_CERT_INVALID 857 /* the server's EAP certificate is not valid */
#define ERROR_EAP_SERVER_CERT_EXPIRED 858 /* the server's EAP certificate has expired */
#define ERROR_EAP_SERVER_CERT_REVOKED 859 /* the server's EAP certificate was revoked */
#define ERROR_EAP_SERVER_CERT_OTHER_ERROR 860 /* the server's EAP certificate cannot be used */
#define ERROR_EAP_USER_ROOT_CERT_NOT_FOUND 861 /* the root of the user's EAP certificate is missing */
#define ERROR_EAP_USER_ROOT_CERT_INVALID 862 /* the root of the user's EAP certificate is not valid */
#define ERROR_EAP_USER_ROOT_CERT_EXPIRED 863 /* the root of the user's EAP certificate has expired */
#define ERROR_EAP_SERVER_ROOT_CERT_NOT_FOUND 864 /* the root of the server's EAP certificate is missing */
#define ERROR_EAP_SERVER_ROOT_CERT_INVALID 865 /* the root of the server's EAP certificate is not valid */
#define ERROR_EAP_SERVER_ROOT_CERT_NAME_REQUIRED 866 /* the root of the server's EAP certificate must be named */
#define ERROR_PEAP_IDENTITY_MISMATCH 867 /* the inner and the outer PEAP identity differ */
#define ERROR_DNSNAME_NOT_RESOLVABLE 868 /* the server's name leads nowhere */
#define ERROR_EAPTLS_PASSWD_INVALID 869 /* the EAP password is not valid */
#define ERROR_IKEV2_PSK_INTERFACE_ALREADY_EXISTS 870 /* an interface with a shared IKEv2 key exists already */

#define RASBASEEND 870

#endif
