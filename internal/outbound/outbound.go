// Package outbound makes HTTP requests to addresses that come from outside, such as the URL in a request to the server or in a list of images. Only
// public IP addresses are connected to. The IP address of the connection itself is checked, so that neither redirects nor DNS rebinding can bypass
// the check.
package outbound

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"
	"time"
)

const (
	timeout   = 10 * time.Second // of a connection, and of the first byte of a response
	redirects = 3
)

// Dialer connects only to IP addresses that pass the check.
func Dialer(check func(netip.AddrPort) error) *net.Dialer {
	return &net.Dialer{Timeout: timeout, Control: func(_, address string, _ syscall.RawConn) error {
		a, err := netip.ParseAddrPort(address)
		if err != nil {
			return err
		}
		return check(a)
	}}
}

// Client returns a client whose connections, those of redirects included, pass the check. The client has no timeout for a whole response.
func Client(check func(netip.AddrPort) error) *http.Client {
	return &http.Client{
		Transport: &http.Transport{
			DialContext: Dialer(check).DialContext, DisableKeepAlives: true, // each connection is checked
			TLSHandshakeTimeout: timeout, ResponseHeaderTimeout: timeout, MaxResponseHeaderBytes: 64 << 10,
		},
		CheckRedirect: func(r *http.Request, via []*http.Request) error {
			if len(via) > redirects {
				return fmt.Errorf("more than %d redirects", redirects)
			}
			return CheckURL(r.URL)
		},
	}
}

// CheckURL returns an error for a URL that is not http or https, has no host, or has a user name.
func CheckURL(u *url.URL) error {
	switch {
	case u.Scheme != "http" && u.Scheme != "https":
		return errors.New("want an http or https URL")
	case u.User != nil:
		return errors.New("a URL with a user name or password is not allowed")
	case u.Hostname() == "":
		return errors.New("no host in the URL")
	}
	return nil
}

// ErrNotPublic is the error of [Public].
var ErrNotPublic = errors.New("not a public address")

// Public returns ErrNotPublic for IP addresses that are not public: loopback, private and shared networks, link-local (where clouds have their
// metadata service), multicast, and IPv6 addresses that contain an IPv4 address.
func Public(address netip.AddrPort) error {
	a := address.Addr().Unmap()
	if !a.IsGlobalUnicast() || a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() {
		return ErrNotPublic
	}
	for _, network := range []string{
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
		"::/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "fec0::/10",
	} {
		if netip.MustParsePrefix(network).Contains(a) {
			return ErrNotPublic
		}
	}
	return nil
}

// Any passes every address.
func Any(netip.AddrPort) error { return nil }
