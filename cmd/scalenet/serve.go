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
	planMemory                    int
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
		Short: "Serve models over HTTP, with a web UI",
		Long: `Serve detectors over HTTP. POST /detect takes an image and returns detections. The
web UI is at /, the API reference at /docs. See docs/serving.md for clients and
operation.

--model is a model file, NAME=FILE, or a folder of model files. The first model is
the default. A value that exists as a path, or has a / before its first =, is a
path. Files of a folder that are not detectors, such as a training state, are
skipped.

A model file that changes is loaded and warmed up, and then replaces the model in
use. SIGHUP reloads all models at once. On SIGTERM or Ctrl-C the server finishes
the requests in flight and exits with status 0.`,
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
	f.StringArrayVar(&o.models, "model", nil, "model file, NAME=FILE, or folder of model files; repeatable")
	o.reading.flags(c)
	o.precision.flags(c)
	f.IntVar(&o.planMemory, "plan-memory", 1024, "memory in MiB per model above which the compiled plans of input sizes are closed, the least recently used first")
	f.StringVar(&o.listen, "listen", "127.0.0.1:8080", "address to listen on; :8080 is port 8080 of all network interfaces")
	addThreshold(f, &d.Threshold, "minimum score of detections, for what a request does not give")
	f.StringToStringVar(&d.DeepStack.Labels, "deepstack-label", nil, "CLASS=LABEL renames a class for DeepStack and CodeProject.AI clients, CLASS= drops the class; repeatable")
	f.StringVar(&d.LabelStudio.URL, "label-studio", "", "URL of the Label Studio whose uploaded and local files this server may fetch as its ML backend; environment variable LABEL_STUDIO_API_KEY is its token")
	f.IntVar(&d.DeepStack.Most, "deepstack-max", 0, "maximum detections per image for those clients (Frigate accepts 20); 0 is no limit")

	f.IntVar(&d.Queue.Places, "queue", d.Queue.Places, "maximum number of queued images; further requests get 503")
	f.DurationVar(&d.Queue.Wait, "max-wait", d.Queue.Wait,
		"maximum estimated queueing time before a request, from recent processing times; above it the request gets 503; 0 is no limit")
	f.IntVar(&d.Queue.Batch, "batch", d.Queue.Batch, "maximum batch size; only images of the same input size form a batch")
	f.DurationVar(&d.Queue.Delay, "batch-delay", 0, "maximum time that an image waits for its batch to fill")
	f.DurationVar(&d.Timeout, "timeout", d.Timeout, "maximum time of a request, including queueing; above it the request gets 504")

	f.IntVar(&o.maxBody, "max-body", d.Limits.Body>>20, "maximum request body in MiB")
	f.IntVar(&o.maxMegapixel, "max-megapixels", d.Limits.Image.Pixels/1e6, "maximum image size in megapixels")
	f.IntVar(&d.Limits.Image.Side, "max-side", d.Limits.Image.Side, "maximum longer side of an image in pixels")
	f.IntVar(&d.Limits.Images, "max-images", d.Limits.Images, "maximum number of images per request")
	f.IntVar(&d.Limits.Tiles, "max-tiles", d.Limits.Tiles, "maximum number of network runs, of tiles and whole images, for one request with tiles; 0 is that of --queue")
	f.IntVar(&d.Limits.Images, "max-pictures", d.Limits.Images, "--max-images")
	hide(f, "max-pictures")
	f.IntVar(&o.memory, "memory", int(d.Limits.Memory>>20), "memory limit in MiB for the request bodies and decoded images of all requests in progress")

	f.StringVar(&o.keyFile, "api-keys", "", "file with one API key per line (# starts a comment line); also environment variable SCALENET_API_KEYS, comma-separated")
	f.StringSliceVar(&d.Hosts, "allowed-hosts", nil, "accepted Host header values (default: on a loopback address its own names, which prevents DNS rebinding; otherwise all)")
	f.StringSliceVar(&d.Origins, "cors", nil, "origins allowed by CORS, such as https://example.org")
	f.StringSliceVar(&d.TrustedProxies, "trusted-proxies", nil, "IP addresses or networks of proxies whose X-Forwarded-For is trusted")
	f.Float64Var(&d.Rate, "rate", 0, "rate limit in requests per second per client; 0 is no limit")
	f.IntVar(&d.Burst, "burst", 10, "with --rate: burst of requests that a client may send at once")
	f.BoolVar(&d.AllowURL, "allow-url", false, "allow requests to give an image by URL; only public addresses are fetched")
	f.StringVar(&o.tlsCert, "tls-cert", "", "certificate chain for HTTPS (PEM file)")
	f.StringVar(&o.tlsKey, "tls-key", "", "private key of --tls-cert (PEM file)")

	f.DurationVar(&d.ReloadEvery, "reload-every", d.ReloadEvery, "interval at which model files are checked for changes; 0 reloads only on SIGHUP")
	f.DurationVar(&d.DrainDelay, "drain-delay", 0, "on SIGTERM: time to keep serving while /readyz returns 503")
	f.DurationVar(&d.DrainTimeout, "drain-timeout", d.DrainTimeout, "after --drain-delay: maximum wait for requests in progress")
	choose(f, &o.logFormat, "log-format", "text", "format of log lines: text or json", "text", "json")
	choose(f, &o.logLevel, "log-level", "info", "minimum level of log lines: debug, info, warn or error", "debug", "info", "warn", "error")
	f.StringVar(&o.pprof, "pprof", "", "loopback address for Go profiles (net/http/pprof), such as 127.0.0.1:6060")
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

// sizes sets the limits whose flags are in MiB or megapixels. It checks them in these units, before they are multiplied.
func (o *serveOptions) sizes() error {
	const most = 1 << 30 // in any unit here; far above what a machine has, and in bytes far below what an integer holds
	for _, f := range []struct {
		name  string
		value int
	}{{"max-body", o.maxBody}, {"max-megapixels", o.maxMegapixel}, {"memory", o.memory}, {"plan-memory", o.planMemory}} {
		if f.value < 1 || f.value > most {
			return fmt.Errorf("--%s %d: want 1 to %d", f.name, f.value, most)
		}
	}
	l := &o.config.Limits
	l.Body, l.Image.Pixels, l.Memory = o.maxBody<<20, o.maxMegapixel*1e6, int64(o.memory)<<20
	l.Image.Bytes = l.Body
	if least := l.LeastMemory(); l.Memory < least {
		return fmt.Errorf("--memory %d: want at least %d MiB for the largest body and image, or lower --max-body and --max-megapixels",
			o.memory, (least+1<<20-1)>>20)
	}
	return nil
}

// configure completes the configuration of the server from the flags.
func (o *serveOptions) configure(log io.Writer) error {
	if err := o.sizes(); err != nil {
		return err
	}
	if len(o.config.Hosts) == 0 {
		o.config.Hosts = server.LoopbackHosts(o.listen)
	}
	var err error
	if o.config.Keys, err = readKeys(o.keyFile); err != nil {
		return err
	}
	if o.config.LabelStudio.URL != "" {
		o.config.LabelStudio.Key = os.Getenv(server.StudioKeyVariable)
	}
	o.config.Log, err = o.logger(log)
	return err
}

// keysVariable is the environment variable with comma-separated API keys.
const keysVariable = "SCALENET_API_KEYS"

// readKeys returns the API keys of the environment variable and of the file path,
// if path is not "".
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

// open starts listening before models are loaded, so that an address in use is an
// error at once.
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

// server loads the models and returns the server.
func (o *serveOptions) server(ctx context.Context, progress io.Writer) (*server.Server, error) {
	sources, skipped, err := models.Sources(o.models)
	if err != nil {
		return nil, pullHint(err, o.models...)
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

// openModel opens a device for a model, so that a model can be warmed up while
// another serves. It returns an error if the model needs more memory than is
// available, because running out of memory would end all serving.
//
// It also returns an error if the model has no thresholds that --threshold needs. A
// reload of such a file fails, and the model in use stays.
func (o *serveOptions) openModel(m *detector.Model) (*detector.Detector, func(), error) {
	if _, err := o.config.Threshold.Among(m.Classes).For(m); err != nil {
		return nil, nil, fmt.Errorf("--threshold %v: %w", o.config.Threshold, err)
	}
	d, closeAll, err := openDetector(m, o.device, o.precision, detector.Options{PlanBytes: o.planMemory << 20}, 1)
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

// address returns the URL of the web UI.
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

// reloadOn reloads the models on each signal, including signals that arrived
// while the models were loading.
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

// profiles serves net/http/pprof on the loopback address of --pprof.
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
