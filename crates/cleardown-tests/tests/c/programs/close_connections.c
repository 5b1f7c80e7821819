/* The equivalent of the documentation's example of ending all remote-access connections. */
#include <Windows.h>
#include <Ras.h>

#define MOST 20

static DWORD CloseRasConnections(void)
{
    RASCONN RasConn[MOST];
    TCHAR szError[100];
    DWORD dwError, dwRasConnSize = sizeof RasConn, dwNumConnections;
    int index;

    RasConn[0].dwSize = sizeof(RASCONN);
    if ((dwError = RasEnumConnections(RasConn, &dwRasConnSize, &dwNumConnections)) != 0) {
        wsprintf(szError, TEXT("RasEnumConnections Error: %ld"), dwError);
        return dwError;
    }
    for (index = 0; index < (int)dwNumConnections; ++index) {
        if ((dwError = RasHangUp(RasConn[index].hrasconn)) != 0) {
            wsprintf(szError, TEXT("RasHangUp Error: %ld"), dwError);
            return dwError;
        }
    }
    return 0;
}

int main(void)
{
    return (int)CloseRasConnections();
}
