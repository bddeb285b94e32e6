package server

import (
	"cmp"
	"crypto/rand"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"

	"scalenet/internal/brief"
)

// Keys of gin's context.
const (
	requestIDKey = "request id"
	outcomeKey   = "outcome"
)

var validID = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// identify sets the request id: that of the client if valid, or a new one.
func identify(c *gin.Context) {
	id := c.GetHeader("X-Request-ID")
	if !validID.MatchString(id) {
		id = rand.Text()
	}
	c.Set(requestIDKey, id)
	c.Header("X-Request-ID", id)
	c.Header("X-Content-Type-Options", "nosniff")
}

// lingering lets a client read the response to a request whose body was not read to
// its end.
func lingering(c *gin.Context) {
	if connection := connOf(c.Request.Context()); connection != nil {
		request, done := connection.watchBody(c.Request)
		c.Request = request
		defer done()
	}
	c.Next()
}

func requestID(c *gin.Context) string { return c.GetString(requestIDKey) }

// observe counts and logs each request at its end.
func (s *Server) observe(c *gin.Context) {
	start := time.Now()
	c.Next()
	endpoint, status := cmp.Or(c.FullPath(), "page"), c.Writer.Status()
	level, attributes := slog.LevelInfo, []slog.Attr{}
	if e, ok := c.MustGet(outcomeKey).(*Error); ok && e != nil {
		if e.Status == statusClientGone {
			status = statusClientGone
		}
		if status >= http.StatusInternalServerError && e.Code == "internal" {
			level = slog.LevelError
		}
		attributes = append(attributes, slog.String("code", e.Code), slog.String("error", brief.Cut(cmp.Or(causeOf(e), e.Message), maxCauseBytes)))
	}
	took := time.Since(start)
	s.metrics.request(endpoint, status, took)
	if quiet(endpoint) && level == slog.LevelInfo {
		level = slog.LevelDebug
	}
	s.config.Log.LogAttrs(c.Request.Context(), level, "request", append([]slog.Attr{
		slog.String("id", requestID(c)), slog.String("method", shown(c.Request.Method)), slog.String("path", brief.Cut(c.Request.URL.Path, maxMessageBytes)),
		slog.Int("status", status), slog.Duration("took", took), slog.Int("bytes", c.Writer.Size()), slog.String("client", c.ClientIP()),
	}, attributes...)...)
}

// maxCauseBytes limits the text of an error in the log, which is long for a panic
// with its stack.
const maxCauseBytes = 8 << 10

func causeOf(e *Error) string {
	if e.cause == nil {
		return ""
	}
	return e.cause.Error()
}

// quiet reports whether an endpoint is polled, and logged at debug level only.
func quiet(endpoint string) bool {
	return slices.Contains([]string{"/healthz", "/readyz", "/metrics", "page"}, endpoint)
}

// recovered turns a panic of a handler into an internal error.
func (s *Server) recovered(c *gin.Context) {
	defer func() {
		if p := recover(); p != nil {
			if p == http.ErrAbortHandler {
				panic(p)
			}
			s.fail(c, fmt.Errorf("panic: %v\n%s", p, debug.Stack()))
		}
	}()
	c.Next()
}

// allowedHost refuses requests whose Host header is not accepted.
func (s *Server) allowedHost(c *gin.Context) {
	if len(s.config.Hosts) == 0 {
		return
	}
	host := c.Request.Host
	if h, _, err := net.SplitHostPort(host); err == nil {
		host = h
	}
	host = strings.Trim(host, "[]")
	if !slices.ContainsFunc(s.config.Hosts, func(h string) bool { return strings.EqualFold(h, host) }) {
		s.fail(c, &Error{Status: http.StatusForbidden, Code: "forbidden_host", Message: "the server does not serve this host name; --allowed-hosts lists those it does"})
	}
}

// rates has the rate limiters of the most recent clients.
type rates struct {
	limit   rate.Limit
	burst   int
	clients *lru.Cache[string, *rate.Limiter]
}

func newRates(perSecond float64, burst int) (*rates, error) {
	if perSecond == 0 {
		return nil, nil
	}
	clients, err := lru.New[string, *rate.Limiter](10_000)
	return &rates{rate.Limit(perSecond), burst, clients}, err
}

// limited refuses requests beyond the rate limit of a client.
func (s *Server) limited(c *gin.Context) {
	if s.rates == nil {
		return
	}
	limiter := rate.NewLimiter(s.rates.limit, s.rates.burst)
	if known, ok, _ := s.rates.clients.PeekOrAdd(c.ClientIP(), limiter); ok {
		limiter = known
		s.rates.clients.Get(c.ClientIP()) // seen last
	}
	if !limiter.Allow() {
		c.Header("Retry-After", fmt.Sprint(max(1, int(1/float64(s.rates.limit)+0.5))))
		s.fail(c, &Error{Status: http.StatusTooManyRequests, Code: "rate_limited", Message: fmt.Sprintf("more than %v requests a second", float64(s.rates.limit))})
	}
}
