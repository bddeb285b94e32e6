package server

import (
	"fmt"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"

	"github.com/gin-gonic/gin"
	"golang.org/x/sync/semaphore"

	"scalenet/internal/outbound"
	"scalenet/server/internal/schedule"
)

// Server serves the API. Handler returns its http.Handler.
type Server struct {
	config   Config
	queue    *schedule.Queue[batchKey, *job]
	memory   *budget
	decoders *semaphore.Weighted
	fetch    *fetcher // nil without AllowURL
	studio   *studio
	keys     keys
	rates    *rates
	metrics  *metrics
	failures failures
	handler  http.Handler
	draining atomic.Bool
}

// New returns a server, which then owns the models of the configuration. The error
// names the invalid option.
func New(c Config) (*Server, error) {
	if err := c.validate(); err != nil {
		return nil, err
	}
	s := &Server{
		config: c, memory: &budget{limit: c.Limits.Memory},
		decoders: semaphore.NewWeighted(int64(runtime.GOMAXPROCS(0))),
		keys:     hashKeys(c.Keys),
	}
	var err error
	if s.rates, err = newRates(c.Rate, c.Burst); err != nil {
		return nil, err
	}
	if c.AllowURL {
		s.fetch = newFetcher(c.Limits.Image.Bytes, outbound.Public)
	}
	if s.studio, err = newStudio(c.LabelStudio, c.Limits.Image.Bytes); err != nil {
		return nil, err
	}
	s.metrics = newMetrics(s)
	if s.handler, err = s.routes(); err != nil {
		return nil, err
	}
	s.queue = schedule.New(c.Queue, s.compute)
	return s, nil
}

// Handler returns the handler of the API and the web UI.
func (s *Server) Handler() http.Handler { return s.handler }

// ready reports whether the server is ready.
func (s *Server) ready() bool { return s.unready() == nil }

// unready returns why the server is not ready, nil if it is.
func (s *Server) unready() error {
	switch {
	case s.failures.tooMany():
		return &Error{Status: http.StatusServiceUnavailable, Code: "not_ready", Message: "inference keeps failing; restart the server"}
	case s.draining.Load():
		return &Error{Status: http.StatusServiceUnavailable, Code: "not_ready", Message: "the server is shutting down"}
	}
	return nil
}

// Close finishes queued images and closes the models. The handler must not be used
// afterwards.
func (s *Server) Close() {
	s.queue.Close()
	s.failures.reopening.Wait()
	s.config.Models.Close()
}

func (s *Server) routes() (http.Handler, error) {
	gin.SetMode(gin.ReleaseMode)
	e := gin.New()
	e.HandleMethodNotAllowed = true
	e.RedirectTrailingSlash = false
	if err := e.SetTrustedProxies(s.config.TrustedProxies); err != nil {
		return nil, fmt.Errorf("server: trusted-proxies = %v: %w", s.config.TrustedProxies, err)
	}
	e.Use(func(c *gin.Context) { c.Set(outcomeKey, (*Error)(nil)) }, lingering, identify, s.observe, s.recovered, s.allowedHost)
	if len(s.config.Origins) > 0 {
		e.Use(crossOrigin(s.config.Origins))
	}
	get(e, "/healthz", s.handleHealth)
	get(e, "/readyz", s.handleReady)
	get(e, "/openapi.yaml", handleOpenAPI)
	api := e.Group("", s.limited, s.authorized)
	get(api, "/metrics", gin.WrapH(s.metrics.handler()))
	get(api, "/models", s.handleModels)
	for _, path := range []string{"/detect", "/v1/detect"} {
		api.POST(path, s.leased(s.handleDetect))
	}
	s.deepStackRoutes(e)
	s.inferenceRoutes(e, api)
	s.labelStudioRoutes(e)
	e.NoMethod(func(c *gin.Context) {
		s.fail(c, &Error{Status: http.StatusMethodNotAllowed, Code: "method_not_allowed", Message: shown(c.Request.Method) + " is not a method of this URL"})
	})
	e.NoRoute(s.handleElse)
	return e, nil
}

// get adds a route for GET and HEAD. net/http sends only the header for HEAD.
func get(routes gin.IRoutes, path string, handle gin.HandlerFunc) {
	routes.Match([]string{http.MethodGet, http.MethodHead}, path, handle)
}

// handleElse handles requests outside the API: the web UI.
func (s *Server) handleElse(c *gin.Context) {
	path := c.Request.URL.Path
	read := c.Request.Method == http.MethodGet || c.Request.Method == http.MethodHead
	if s.config.Page == nil || !read || strings.HasPrefix(path, "/v1/") || strings.HasPrefix(path, "/v2/") {
		s.fail(c, &Error{Status: http.StatusNotFound, Code: "not_found", Message: "there is nothing at this URL"})
		return
	}
	c.Status(http.StatusOK) // gin begins with 404 here
	s.config.Page.ServeHTTP(c.Writer, c.Request)
}
