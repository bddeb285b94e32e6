package server

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"
	"time"

	"golang.org/x/sync/semaphore"
)

// fetcher downloads images from URLs in requests, only from public IP addresses. The
// IP address of the connection itself is checked, so that neither redirects nor DNS
// rebinding can bypass the check.
type fetcher struct {
	client *http.Client
	limit  int64
	slots  *semaphore.Weighted
}

const (
	fetchTimeout = 10 * time.Second
	redirects    = 3
	fetches      = 16 // at a time
)

// newFetcher returns a fetcher with a check of IP addresses: publicAddress except in
// tests.
func newFetcher(limit int, check func(netip.Addr) error) *fetcher {
	dialer := checkedDialer(func(a netip.AddrPort) error { return check(a.Addr()) })
	return &fetcher{
		limit: int64(limit),
		slots: semaphore.NewWeighted(fetches),
		client: &http.Client{
			Timeout: fetchTimeout,
			Transport: &http.Transport{
				DialContext: dialer.DialContext, DisableKeepAlives: true, // each connection is checked
				TLSHandshakeTimeout: fetchTimeout, ResponseHeaderTimeout: fetchTimeout, MaxResponseHeaderBytes: 64 << 10,
			},
			CheckRedirect: func(r *http.Request, via []*http.Request) error {
				if len(via) > redirects {
					return fmt.Errorf("more than %d redirects", redirects)
				}
				return checkURL(r.URL)
			},
		},
	}
}

// checkedDialer connects only to IP addresses that pass the check.
func checkedDialer(check func(netip.AddrPort) error) *net.Dialer {
	return &net.Dialer{Timeout: fetchTimeout, Control: func(_, address string, _ syscall.RawConn) error {
		a, err := netip.ParseAddrPort(address)
		if err != nil {
			return err
		}
		return check(a)
	}}
}

func checkURL(u *url.URL) error {
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

var errNotPublic = errors.New("not a public address")

// publicAddress returns an error for IP addresses that are not public: loopback,
// private and shared networks, link-local (where clouds have their metadata service),
// multicast, and IPv6 addresses that contain an IPv4 address.
func publicAddress(a netip.Addr) error {
	a = a.Unmap()
	if !a.IsGlobalUnicast() || a.IsPrivate() || a.IsLoopback() || a.IsLinkLocalUnicast() {
		return errNotPublic
	}
	for _, network := range []string{
		"0.0.0.0/8", "100.64.0.0/10", "192.0.0.0/24", "192.0.2.0/24", "192.88.99.0/24", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "240.0.0.0/4",
		"::/96", "64:ff9b::/96", "64:ff9b:1::/48", "100::/64", "2001::/23", "2001:db8::/32", "2002::/16", "3fff::/20", "fec0::/10",
	} {
		if netip.MustParsePrefix(network).Contains(a) {
			return errNotPublic
		}
	}
	return nil
}

// fetchAll downloads the images that are given by URL.
func (s *Server) fetchAll(ctx context.Context, l *lease, uploads []upload) error {
	for i, u := range uploads {
		if u.url == "" {
			continue
		}
		if s.fetch == nil {
			return &Error{Status: http.StatusForbidden, Code: "url_not_allowed", Message: "the server does not fetch images from URLs; --allow-url turns it on"}
		}
		data, err := s.fetch.get(ctx, u.url, l)
		if err != nil {
			return err
		}
		uploads[i].data = data
	}
	return nil
}

// get downloads an image. Its error does not repeat the response of the other server,
// so that a client learns nothing about servers that it cannot reach itself.
func (f *fetcher) get(ctx context.Context, address string, l *lease) ([]byte, error) {
	u, err := url.Parse(address)
	if err == nil {
		err = checkURL(u)
	}
	if err != nil {
		return nil, badRequest("url: %v", displayURLError(err))
	}
	if !f.slots.TryAcquire(1) {
		return nil, errMemory
	}
	defer f.slots.Release(1)
	failed := func(cause error) error {
		if ctx.Err() != nil {
			return ctx.Err()
		}
		return &Error{Status: http.StatusUnprocessableEntity, Code: "url_failed", Message: "no image could be fetched from the url", cause: cause}
	}
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, u.String(), nil)
	if err != nil {
		return nil, failed(err)
	}
	request.Header.Set("Accept", "image/*")
	response, err := f.client.Do(request)
	if err != nil {
		return nil, failed(err)
	}
	defer response.Body.Close()
	if response.StatusCode != http.StatusOK {
		return nil, failed(fmt.Errorf("%s responded %s", u.Host, response.Status))
	}
	data, err := l.readAll(http.MaxBytesReader(nil, response.Body, f.limit))
	var known *Error
	switch {
	case errors.As(err, &known):
		return nil, err
	case err != nil:
		return nil, failed(err)
	}
	return data, nil
}

// displayURLError removes the URL from an error of url.Parse.
func displayURLError(err error) error {
	var parse *url.Error
	if errors.As(err, &parse) {
		return errors.New("not a URL")
	}
	return err
}
