package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/pprof"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/spf13/cobra"
	"scalenet/detector"
	"scalenet/geom"
	"scalenet/server"
	"scalenet/server/models"
	"scalenet/web"
)

type serveOptions struct {
	models                        []string
	reading                       reading
	precision                     precision
	plans                         int
	device                        deviceOptions
	config                        server.Config
	listen, pprof                 string
	tlsCert, tlsKey, keyFile      string
	logFormat, logLevel           string
	maxBody, maxMegapixel, memory int
}

func newServeCommand() *cobra.Command {
	o := serveOptions{config: server.DefaultConfig()}
	o.config.Page, o.config.Version = web.Handler(), version()
	c := &cobra.Command{
		Use:   "serve --model [NAME=]FILE...",
		Short: "Answer requests with detections over HTTP, with a page to try it",
		Long: `Serve models over HTTP: POST /detect takes an image, the page at / tries it in a
browser, /docs describes the API. docs/serving.md has clients and operation.

--model is a file, NAME=FILE, or a folder of models; the first is the default one.
A value that exists as a path, or has a / before its first =, is a path. A folder's
files that are no detectors, such as a training run's state, are skipped.
A file that changes is loaded and warmed beside the model that serves, then
swapped; SIGHUP does it at once for all. SIGTERM and Ctrl-C finish what is in
flight and end with status 0.`,
		Example: `  scalenet serve --model models/bccd.safetensors
  scalenet serve --model cells=models/bccd.safetensors --model models/cards.safetensors --listen :8080
  curl -F image=@photo.jpg http://127.0.0.1:8080/detect`,
		Args: takes(),
		RunE: func(c *cobra.Command, _ []string) error { return o.run(c) },
	}
	o.flags(c)
	return c
}

func (o *serveOptions) flags(c *cobra.Command) {
	f, d := c.Flags(), &o.config
	f.StringArrayVar(&o.models, "model", nil, "model file, NAME=FILE, or folder; repeat for several")
	o.reading.flags(c)
	o.precision.flags(c)
	f.IntVar(&o.plans, "plans", 8, "sizes of images for which a model stays compiled")
	f.StringVar(&o.listen, "listen", "127.0.0.1:8080", "address; :8080 is every address of this machine")
	f.Float64Var(&d.Threshold, "threshold", d.Threshold, "lowest score answered where a request names none")
	f.StringToStringVar(&d.DeepStack.Labels, "deepstack-label", nil, "CLASS=LABEL for clients of DeepStack and CodeProject.AI; CLASS= leaves a class out; repeat")
	f.IntVar(&d.DeepStack.Most, "deepstack-max", 0, "most detections for those clients (Frigate has room for 20); 0 is no bound")

	f.IntVar(&d.Queue.Places, "queue", d.Queue.Places, "images that may wait; more are answered 503")
	f.DurationVar(&d.Queue.Wait, "max-wait", d.Queue.Wait, "longest wait expected of an image; beyond it 503; 0 is no bound")
	f.IntVar(&d.Queue.Batch, "batch", d.Queue.Batch, "images of one size that are computed together at most")
	f.DurationVar(&d.Queue.Delay, "batch-delay", 0, "how long an image waits for others to complete its batch")
	f.DurationVar(&d.Timeout, "timeout", d.Timeout, "longest time of a request, its wait included; beyond it 504")

	f.IntVar(&o.maxBody, "max-body", d.Limits.Body>>20, "MiB of a request's body")
	f.IntVar(&o.maxMegapixel, "max-megapixels", d.Limits.Image.Pixels/1e6, "million pixels of an image")
	f.IntVar(&d.Limits.Image.Side, "max-side", d.Limits.Image.Side, "pixels of an image's longer side")
	f.IntVar(&d.Limits.Images, "max-images", d.Limits.Images, "images in one request")
	f.IntVar(&d.Limits.Images, "max-pictures", d.Limits.Images, "--max-images")
	hide(f, "max-pictures")
	f.IntVar(&o.memory, "memory", int(d.Limits.Memory>>20), "MiB of bodies and decoded images in flight")

	f.StringVar(&o.keyFile, "api-keys", "", "file with one API key per line, # begins a line of comment; also the variable SCALENET_API_KEYS, keys with commas between")
	f.StringSliceVar(&d.Hosts, "allowed-hosts", nil, "names in the Host header that are served; default on a loopback address its names, otherwise all")
	f.StringSliceVar(&d.Origins, "cors", nil, "origins whose pages may call the API, such as https://example.org")
	f.StringSliceVar(&d.TrustedProxies, "trusted-proxies", nil, "addresses or networks whose X-Forwarded-For is believed")
	f.Float64Var(&d.Rate, "rate", 0, "requests a second and client; 0 is no limit")
	f.IntVar(&d.Burst, "burst", 10, "requests a client may send at once, with --rate")
	f.BoolVar(&d.AllowURL, "allow-url", false, "fetch images from public addresses that requests name")
	f.StringVar(&o.tlsCert, "tls-cert", "", "certificate chain (PEM): serve HTTPS")
	f.StringVar(&o.tlsKey, "tls-key", "", "its key (PEM)")

	f.DurationVar(&d.ReloadEvery, "reload-every", d.ReloadEvery, "how often models' files are looked at; 0 is only on SIGHUP")
	f.DurationVar(&d.DrainDelay, "drain-delay", 0, "on SIGTERM, serve on for so long while /readyz says no")
	f.DurationVar(&d.DrainTimeout, "drain-timeout", d.DrainTimeout, "then wait at most so long for requests in flight")
	choose(f, &o.logFormat, "log-format", "text", "text or json", "text", "json")
	choose(f, &o.logLevel, "log-level", "info", "debug, info, warn or error", "debug", "info", "warn", "error")
	f.StringVar(&o.pprof, "pprof", "", "loopback address for profiles, such as 127.0.0.1:6060")
	o.device.flags(c)
	requireFlags(c, "model")
}

func (o *serveOptions) run(c *cobra.Command) error {
	hangup := make(chan os.Signal, 1)
	signal.Notify(hangup, syscall.SIGHUP) // before all else: it would end the process
	defer signal.Ignore(syscall.SIGHUP)   // to the process's end, where signal.Stop would let it end so
	signal.Ignore(syscall.SIGPIPE)        // whoever read the log may be gone before the last request
	if err := checkAddressSpace(); err != nil {
		return err
	}
	if err := o.configure(c.ErrOrStderr()); err != nil {
		return err
	}
	ctx, stop := signal.NotifyContext(c.Context(), syscall.SIGTERM, os.Interrupt)
	defer stop()
	context.AfterFunc(ctx, stop) // a second signal ends at once
	listener, err := o.open(ctx)
	if err != nil {
		return err
	}
	defer listener.Close()
	s, err := o.server(ctx, c.ErrOrStderr())
	if ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		return nil // told to end before anything was served
	}
	if err != nil {
		return err
	}
	endReloads := reloadOn(hangup, s)
	defer endReloads()
	endProfiles, err := o.profiles()
	if err != nil {
		s.Close()
		return err
	}
	defer endProfiles()
	fmt.Fprintf(c.OutOrStdout(), "serving %s at %s\n", strings.Join(o.config.Models.Names(), ", "), o.address(listener))
	if _, err := daemon.SdNotify(false, daemon.SdNotifyReady); err != nil { // systemd, if it is there, sends no signals before
		o.config.Log.Warn("systemd was not notified", "error", err)
	}
	return s.Run(ctx, listener)
}

// configure brings the flags into the server's configuration.
func (o *serveOptions) configure(log io.Writer) error {
	l := &o.config.Limits
	l.Body, l.Image.Pixels, l.Memory = o.maxBody<<20, o.maxMegapixel*1e6, int64(o.memory)<<20
	l.Image.Bytes = l.Body
	if len(o.config.Hosts) == 0 {
		o.config.Hosts = server.LoopbackHosts(o.listen)
	}
	var err error
	if o.config.Keys, err = readKeys(o.keyFile); err != nil {
		return err
	}
	o.config.Log, err = o.logger(log)
	return err
}

// keysVariable has API keys with commas between.
const keysVariable = "SCALENET_API_KEYS"

// readKeys reads the keys of the API, of the environment and of a file, "" being
// none.
func readKeys(path string) ([]string, error) {
	keys, err := server.SplitKeys(os.Getenv(keysVariable))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", keysVariable, err)
	}
	if path == "" {
		return keys, nil
	}
	file, err := os.Open(path)
	if err != nil {
		return nil, fmt.Errorf("--api-keys: %w", err)
	}
	defer file.Close()
	more, err := server.ReadKeys(file)
	if err != nil {
		return nil, fmt.Errorf("--api-keys %s: %w", path, err)
	}
	return append(keys, more...), nil
}

func (o *serveOptions) logger(w io.Writer) (*slog.Logger, error) {
	var options slog.HandlerOptions
	var level slog.Level
	if err := level.UnmarshalText([]byte(o.logLevel)); err != nil {
		return nil, fmt.Errorf("--log-level %q: want debug, info, warn or error", o.logLevel)
	}
	options.Level = level
	switch o.logFormat {
	case "text":
		return slog.New(slog.NewTextHandler(w, &options)), nil
	case "json":
		return slog.New(slog.NewJSONHandler(w, &options)), nil
	}
	return nil, fmt.Errorf("--log-format %q: want text or json", o.logFormat)
}

// open listens, before models are loaded: an address in use is told at once.
func (o *serveOptions) open(ctx context.Context) (net.Listener, error) {
	if (o.tlsCert == "") != (o.tlsKey == "") {
		return nil, errors.New("--tls-cert and --tls-key go together")
	}
	var config *tls.Config
	if o.tlsCert != "" {
		pair, err := tls.LoadX509KeyPair(o.tlsCert, o.tlsKey)
		if err != nil {
			return nil, fmt.Errorf("--tls-cert %s: %w", o.tlsCert, err)
		}
		config = &tls.Config{Certificates: []tls.Certificate{pair}, MinVersion: tls.VersionTLS12}
	}
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", o.listen)
	if err != nil {
		return nil, fmt.Errorf("--listen %s: %w", o.listen, err)
	}
	if config != nil {
		listener = tls.NewListener(listener, config)
	}
	return listener, nil
}

// server loads the models and makes the server.
func (o *serveOptions) server(ctx context.Context, progress io.Writer) (*server.Server, error) {
	sources, skipped, err := models.Sources(o.models)
	if err != nil {
		return nil, err
	}
	for _, s := range skipped {
		fmt.Fprintf(progress, "skipping %s: it is %s\n", s.Path, s.Reason)
	}
	for _, s := range sources {
		fmt.Fprintf(progress, "loading %s from %s\n", s.Name, s.Path)
	}
	if o.config.Models, err = models.NewRegistry(ctx, sources, o.openModel, o.reading.options()...); err != nil {
		return nil, err
	}
	o.config.Gauges = o.device.gauges()
	s, err := server.New(o.config)
	if err != nil {
		o.config.Models.Close()
	}
	return s, err
}

// openModel gives a model a device of its own, so that one can be warmed while
// another serves. One whose images need more memory than there is would end the
// process, and with it those that serve.
func (o *serveOptions) openModel(m *detector.Model) (*detector.Detector, func(), error) {
	d, closeAll, err := openDetector(m, o.device, o.precision, detector.Options{Plans: o.plans})
	if err != nil {
		return nil, nil, err
	}
	camera := geom.Size{W: 640, H: 480}
	need, err := d.DetectionBytes(camera)
	if err == nil {
		size := m.PaddedSize(camera, m.Settings())
		err = o.device.fits(need, fmt.Sprintf("the model, with images of %dx%d pixels,", size.W, size.H), "smaller images (input.test_shorter, input.test_longest)")
	}
	if err != nil {
		closeAll()
		return nil, nil, err
	}
	return d, closeAll, nil
}

// address is what to open in a browser.
func (o *serveOptions) address(listener net.Listener) string {
	scheme := "http"
	if o.tlsCert != "" {
		scheme = "https"
	}
	host, port, err := net.SplitHostPort(listener.Addr().String())
	if ip := net.ParseIP(host); err == nil && ip != nil && ip.IsUnspecified() {
		host = "localhost"
	}
	return fmt.Sprintf("%s://%s", scheme, net.JoinHostPort(host, port))
}

// reloadOn reloads the models on each signal, also on one that came while they
// were loaded.
func reloadOn(hangup <-chan os.Signal, s *server.Server) (end func()) {
	ended, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case <-hangup:
				s.Reload()
			case <-ended:
				return
			}
		}
	}()
	return func() {
		close(ended)
		<-done
	}
}

// profiles serves net/http/pprof on an address that only this machine reaches.
func (o *serveOptions) profiles() (end func(), err error) {
	if o.pprof == "" {
		return func() {}, nil
	}
	if server.LoopbackHosts(o.pprof) == nil {
		return nil, fmt.Errorf("--pprof %s: want a loopback address, such as 127.0.0.1:6060", o.pprof)
	}
	listener, err := net.Listen("tcp", o.pprof)
	if err != nil {
		return nil, fmt.Errorf("--pprof %s: %w", o.pprof, err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("/debug/pprof/", pprof.Index)
	mux.HandleFunc("/debug/pprof/profile", pprof.Profile)
	mux.HandleFunc("/debug/pprof/symbol", pprof.Symbol)
	mux.HandleFunc("/debug/pprof/trace", pprof.Trace)
	h := &http.Server{Handler: mux, ReadHeaderTimeout: 10 * time.Second}
	go h.Serve(listener)
	return func() { h.Close() }, nil
}
