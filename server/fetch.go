package server

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"net/netip"
	"net/url"
	"time"

	"golang.org/x/sync/semaphore"

	"scalenet/internal/outbound"
)

// fetcher downloads images from URLs in requests, only from public IP addresses.
type fetcher struct {
	client *http.Client
	limit  int64
	slots  *semaphore.Weighted
}

const (
	fetchTimeout = 10 * time.Second
	fetches      = 16 // at a time
)

var errNoFetch = &Error{Status: http.StatusForbidden, Code: "url_not_allowed", Message: "the server does not fetch images from URLs; --allow-url turns it on"}

// newFetcher returns a fetcher with a check of IP addresses: outbound.Public except in
// tests.
func newFetcher(limit int, check func(netip.AddrPort) error) *fetcher {
	client := outbound.Client(check)
	client.Timeout = fetchTimeout
	return &fetcher{limit: int64(limit), slots: semaphore.NewWeighted(fetches), client: client}
}

// fetchAll downloads the images that are given by URL.
func (s *Server) fetchAll(ctx context.Context, l *lease, uploads []upload) error {
	for i, u := range uploads {
		if u.url == "" {
			continue
		}
		if s.fetch == nil {
			return errNoFetch
		}
		data, err := s.fetch.get(ctx, u.url, nil, l)
		if err != nil {
			return err
		}
		uploads[i].data = data
	}
	return nil
}

// get downloads an image, with further header fields if not nil. Its error does not repeat the response of the other server,
// so that a client learns nothing about servers that it cannot reach itself.
func (f *fetcher) get(ctx context.Context, address string, header http.Header, l *lease) ([]byte, error) {
	u, err := url.Parse(address)
	if err == nil {
		err = outbound.CheckURL(u)
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
	maps.Copy(request.Header, header)
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
