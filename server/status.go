package server

import (
	"net/http"

	"github.com/gin-gonic/gin"
)

// ModelInfo is a model in the response of /models.
type ModelInfo struct {
	ModelTag
	Default bool        `json:"default"`
	State   string      `json:"state"` // ready
	Classes []ClassInfo `json:"classes"`
	Input   InputInfo   `json:"input"`
}

// ClassInfo is a class with its id, from 1.
type ClassInfo struct {
	ID        int      `json:"id"`
	Label     string   `json:"label"`
	Threshold *float32 `json:"threshold,omitempty"` // of "best"; nil if the model's file has none
}

// InputInfo is the size of the model input.
type InputInfo struct {
	Shorter int `json:"shorter"`
	Longest int `json:"longest"`
}

func (s *Server) handleModels(c *gin.Context) {
	list := []ModelInfo{}
	for _, m := range s.config.Models.All() {
		settings := m.Detector.Model().Settings()
		info := ModelInfo{
			ModelTag: tag(m), Default: m.Name == s.config.Models.Default(), State: "ready",
			Input: InputInfo{settings.Shorter, settings.Longest}, Classes: []ClassInfo{},
		}
		best := m.Detector.Model().BestScores()
		for i, label := range m.Classes() {
			class := ClassInfo{ID: i + 1, Label: label}
			if best != nil {
				class.Threshold = &best[i]
			}
			info.Classes = append(info.Classes, class)
		}
		list = append(list, info)
		m.Release()
	}
	c.JSON(http.StatusOK, gin.H{"models": list})
}

// handleHealth handles /healthz: the process is alive.
func (s *Server) handleHealth(c *gin.Context) { c.JSON(http.StatusOK, gin.H{"status": "ok"}) }

// handleReady handles /readyz.
func (s *Server) handleReady(c *gin.Context) {
	if err := s.unready(); err != nil {
		s.fail(c, err)
		return
	}
	c.JSON(http.StatusOK, gin.H{"status": "ready"})
}
