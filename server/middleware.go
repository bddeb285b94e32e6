package server

import (
	"cmp"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
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
)

// Keys of gin's context.
const (
	requestIDKey = "request id"
	outcomeKey   = "outcome"
)

var soundID = regexp.MustCompile(`^[A-Za-z0-9._-]{1,64}$`)

// identify gives each request its id: the client's own if it is sound.
func identify(c *gin.Context) {
	id := c.GetHeader("X-Request-ID")
	if !soundID.MatchString(id) {
		id = rand.Text()
	}
	c.Set(requestIDKey, id)
	c.Header("X-Request-ID", id)
	c.Header("X-Content-Type-Options", "nosniff")
}

func requestID(c *gin.Context) string { return c.GetString(requestIDKey) }

// observe counts and logs each request when it has ended.
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
		attributes = append(attributes, slog.String("code", e.Code), slog.String("error", cmp.Or(causeOf(e), e.Message)))
	}
	took := time.Since(start)
	s.metrics.request(endpoint, status, took)
	if quiet(endpoint) && level == slog.LevelInfo {
		level = slog.LevelDebug
	}
	s.config.Log.LogAttrs(c.Request.Context(), level, "request", append([]slog.Attr{
		slog.String("id", requestID(c)), slog.String("method", c.Request.Method), slog.String("path", c.Request.URL.Path),
		slog.Int("status", status), slog.Duration("took", took), slog.Int("bytes", c.Writer.Size()), slog.String("client", c.ClientIP()),
	}, attributes...)...)
}

func causeOf(e *Error) string {
	if e.cause == nil {
		return ""
	}
	return e.cause.Error()
}

// quiet tells the endpoints that are asked all the time.
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

// allowedHost refuses requests for other hosts than those served.
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

// authorized refuses requests without a key.
func (s *Server) authorized(c *gin.Context) {
	if err := s.checkKey(c, ""); err != nil {
		s.fail(c, err)
	}
}

// checkKey holds the key against all there are, in a time that tells nothing. It
// is in a header, or given where a protocol has another place for it.
func (s *Server) checkKey(c *gin.Context, given string) error {
	if header := c.GetHeader("X-API-Key"); header != "" {
		given = header
	}
	if bearer, ok := strings.CutPrefix(c.GetHeader("Authorization"), "Bearer "); ok {
		given = bearer
	}
	if len(s.keys) == 0 || s.keys.have(given) {
		return nil
	}
	return &Error{Status: http.StatusUnauthorized, Code: "unauthorized", Message: "an API key is needed, as Authorization: Bearer KEY or X-API-Key: KEY"}
}

// keys are the SHA-256 of the API's keys.
type keys [][sha256.Size]byte

func hashKeys(plain []string) (k keys) {
	for _, p := range plain {
		k = append(k, sha256.Sum256([]byte(p)))
	}
	return k
}

func (k keys) have(key string) bool {
	sum, found := sha256.Sum256([]byte(key)), 0
	for _, known := range k {
		found |= subtle.ConstantTimeCompare(sum[:], known[:])
	}
	return found == 1
}

// rates holds a limiter for each of the clients seen last.
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

// limited refuses a client's requests beyond its rate.
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
