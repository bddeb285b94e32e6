package server

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"scalenet/server/models"
)

// Time-outs of a connection.
const (
	headerTimeout = 10 * time.Second
	bodyTimeout   = time.Minute
	idleTimeout   = 2 * time.Minute
	writeTimeout  = time.Minute // of the response only
)

// server returns the http.Server. Its listener must be a clientListener.
func (s *Server) server() *http.Server {
	return &http.Server{
		Handler:           s.closing(),
		ReadHeaderTimeout: headerTimeout,
		ReadTimeout:       headerTimeout + bodyTimeout,
		WriteTimeout:      headerTimeout + bodyTimeout + s.config.Timeout + writeTimeout,
		IdleTimeout:       idleTimeout,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(s.config.Log.Handler(), slog.LevelDebug), // errors of port scanners and broken connections
		ConnContext:       func(ctx context.Context, c net.Conn) context.Context { return context.WithValue(ctx, connKey{}, c) },
		ConnState: func(c net.Conn, state http.ConnState) {
			if c, ok := c.(*clientConn); ok && state == http.StateIdle {
				c.unread.Store(false) // net/http has read the rest of the request
			}
		},
	}
}

// closing wraps the handler. While the server drains, each response asks the client to
// close the connection and connect elsewhere. SetKeepAlivesEnabled would also close
// idle connections, on which a request may be arriving.
func (s *Server) closing() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if s.draining.Load() {
			w.Header().Set("Connection", "close")
		}
		s.handler.ServeHTTP(w, r)
	})
}

// Run serves on a listener until ctx ends, and watches the model files. It then
// reports not ready, keeps serving for DrainDelay, finishes requests in progress and
// closes. It returns an error if listening failed or DrainTimeout aborted requests.
func (s *Server) Run(ctx context.Context, listener net.Listener) error {
	h := s.server()
	failed := make(chan error, 1)
	go func() { failed <- h.Serve(clientListener{listener}) }()
	watching, stopWatching := context.WithCancel(ctx)
	watched := make(chan struct{})
	go func() {
		defer close(watched)
		if s.config.ReloadEvery > 0 {
			s.config.Models.Watch(watching, s.config.ReloadEvery, s.logReload)
		}
	}()
	var err error
	select {
	case err = <-failed:
	case <-ctx.Done():
		err = s.drain(h)
	}
	stopWatching()
	s.Close() // cancels a reload in progress
	<-watched
	return err
}

// drain stops serving without losing a request.
func (s *Server) drain(h *http.Server) error {
	s.draining.Store(true)
	s.config.Log.Info("draining", "delay", s.config.DrainDelay, "queued", s.queue.Depth())
	time.Sleep(s.config.DrainDelay)
	ctx, cancel := context.WithTimeout(context.Background(), s.config.DrainTimeout)
	defer cancel()
	err := h.Shutdown(ctx)
	if errors.Is(err, context.DeadlineExceeded) {
		h.Close()
		return fmt.Errorf("server: requests in flight did not end within %v", s.config.DrainTimeout)
	}
	return err
}

// Reload reloads all models, unless the server is closing.
func (s *Server) Reload() {
	if s.draining.Load() {
		s.config.Log.Info("no reload: the server is shutting down")
		return
	}
	for _, r := range s.config.Models.Refresh(true) {
		s.logReload(r)
	}
}

// tell logs and counts a reload.
func (s *Server) logReload(r models.Reload) {
	s.metrics.reloaded(r)
	if r.Err != nil {
		s.config.Log.Error("reload failed, the old model stays in use", "model", r.Name, "version", r.Old, "error", r.Err)
		return
	}
	s.config.Log.Info("reloaded", "model", r.Name, "old", r.Old, "version", r.New)
}
