package server

import (
	"fmt"
	"net/url"
	"slices"
	"strings"

	"github.com/gin-contrib/cors"
	"github.com/gin-gonic/gin"

	"scalenet/internal/config"
)

// anyOrigin allows all origins.
const anyOrigin = "*"

// checkOrigin returns an error for what no browser sends as the origin of a page, which would never be allowed.
func checkOrigin(origin string) error {
	u, err := url.Parse(origin)
	if origin == anyOrigin || err == nil && u.Host != "" && !strings.Contains(u.Host, "*") &&
		(strings.EqualFold(origin, "http://"+u.Host) || strings.EqualFold(origin, "https://"+u.Host)) {
		return nil
	}
	return fmt.Errorf("server: %w", config.Invalid("cors", origin, "an origin such as https://example.org, or *"))
}

// crossOrigin lets pages of the given origins read responses. Requests from other origins are served as without CORS: their browsers keep the responses
// from the pages. Refusing them would protect nothing, since a page can send most requests without asking first, and would refuse the server's own pages
// behind a proxy that changes the Host header.
func crossOrigin(origins []string) gin.HandlerFunc {
	o := cors.DefaultConfig()
	o.AllowOrigins = origins
	o.AllowHeaders = []string{"Authorization", "Content-Encoding", "Content-Type", lengthHeader, "X-API-Key", "X-Request-ID"}
	o.ExposeHeaders = []string{lengthHeader, "Retry-After", "X-Request-ID"}
	allow := cors.New(o)
	return func(c *gin.Context) {
		c.Header("Vary", "Origin") // for caches
		origin := c.GetHeader("Origin")
		if slices.ContainsFunc(origins, func(o string) bool { return o == anyOrigin || strings.ToLower(o) == origin }) {
			allow(c)
		}
	}
}
