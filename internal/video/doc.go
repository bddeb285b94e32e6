// Package video reads and writes videos through child processes: ffmpeg and ffprobe of the FFmpeg project, found on the PATH. Nothing of FFmpeg is
// linked.
//
// [Probe] reads the header of a video, [Open] decodes its frames, [Follow] gives the newest frame of a live source, and [Encoder] writes frames to
// an MP4. Frames come through a pipe as BMP files, because their header has the size and their pixels are BGR, as those of imaging.Image.
// The time of each frame comes from ffmpeg's filter showinfo.
//
// The child processes have a process group of their own, so that Ctrl-C in a terminal reaches only this process, which ends them in order.
package video
