package server

import (
	_ "embed"
	"net/http"

	"github.com/gin-gonic/gin"
)

// openapi describes the API. Tests compare it with the requests that the server accepts
// and its responses.
//
//go:embed openapi.yaml
var openapi []byte

func handleOpenAPI(c *gin.Context) { c.Data(http.StatusOK, "application/yaml", openapi) }
