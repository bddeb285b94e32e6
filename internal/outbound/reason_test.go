package outbound

import (
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"syscall"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func TestReason(t *testing.T) {
	at := &net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: 1}
	refused := &net.OpError{Op: "dial", Net: "tcp", Addr: at, Err: os.NewSyscallError("connect", syscall.ECONNREFUSED)}
	own := errors.New("more than 3 redirects")
	for _, c := range []struct {
		err  error
		want string
	}{
		{refused, "no connection to 127.0.0.1:1: connection refused"},
		{&url.Error{Op: "Get", URL: "http://127.0.0.1:1/", Err: refused}, "no connection to 127.0.0.1:1: connection refused"},
		{&net.OpError{Op: "dial", Net: "tcp", Addr: at, Err: os.ErrDeadlineExceeded}, "no connection to 127.0.0.1:1 in time"},
		{&net.OpError{Op: "dial", Net: "tcp", Addr: at, Err: ErrNotPublic}, "not a public address"},
		{&net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "none.invalid", IsNotFound: true}}, "no host with the name none.invalid is known"},
		{&net.DNSError{Err: "i/o timeout", Name: "slow.invalid", IsTimeout: true}, "the address of slow.invalid could not be looked up"},
		{&net.OpError{Op: "read", Net: "tcp", Addr: at, Err: os.NewSyscallError("read", syscall.ECONNRESET)}, "connection lost: connection reset by peer"},
		{&url.Error{Op: "Get", URL: "http://x/", Err: io.EOF}, "the server closed the connection without an answer"},
		{&url.Error{Op: "Get", URL: "http://x/", Err: own}, "more than 3 redirects"},
	} {
		require.EqualError(t, Reason(c.err), c.want)
	}
	require.ErrorIs(t, Reason(refused), syscall.ECONNREFUSED)
}

// The header of a response that does not come.
func TestReasonOfHangingServer(t *testing.T) {
	over := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-over }))
	defer server.Close()
	defer close(over)
	client := Client(Any)
	client.Transport.(*http.Transport).ResponseHeaderTimeout = 50 * time.Millisecond
	_, err := client.Get(server.URL)
	require.EqualError(t, Reason(err), "the server does not answer in time")
}
