/* lmcons.h: the longest names of users, passwords and the like, in characters without the zero. Written for Cleardown from the
 * public documentation. */
#ifndef CLEARDOWN_LMCONS_H
#define CLEARDOWN_LMCONS_H

#define UNLEN 256
#define PWLEN 256
#define LM20_PWLEN 14
#define CNLEN 15
#define DNLEN 15
#define GNLEN UNLEN
#define UNCLEN (CNLEN + 2)
#define NNLEN 80
#define RMLEN (UNCLEN + 1 + NNLEN)
#define DEVLEN 80
#define NETBIOS_NAME_LEN 16

#endif
