package server

import (
	_ "embed"
	"net/http"

	"github.com/gin-gonic/gin"
)

// openapi describes the API. Tests hold it against what the server takes and
// answers.
//
//go:embed openapi.yaml
var openapi []byte

func handleOpenAPI(c *gin.Context) { c.Data(http.StatusOK, "application/yaml", openapi) }
