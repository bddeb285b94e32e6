# docker build -t scalenet .
# docker run --rm -p 8080:8080 scalenet                                   the model that ships
# docker run --rm -p 8080:8080 -v $PWD/runs:/models:ro scalenet serve --listen :8080 --model /models/best.safetensors
FROM golang:1.26-bookworm AS build
RUN apt-get update && apt-get install -y --no-install-recommends make pkg-config libdnnl-dev libopencv-core-dev libopencv-imgproc-dev libopencv-imgcodecs-dev libjpeg62-turbo-dev
WORKDIR /src
COPY go.mod go.sum ./
RUN go mod download
COPY . .
RUN make build

FROM debian:bookworm-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends libdnnl2 libgomp1 libopencv-core406 libopencv-imgproc406 libopencv-imgcodecs406 ca-certificates \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --no-create-home scalenet
COPY --from=build /src/bin/scalenet /usr/local/bin/scalenet
COPY --from=build /src/models/*.safetensors /usr/share/scalenet/models/
USER scalenet
EXPOSE 8080
# serve answers SIGTERM, which docker stop sends, by finishing what is in flight.
ENTRYPOINT ["scalenet"]
CMD ["serve", "--listen", ":8080", "--model", "/usr/share/scalenet/models", "--log-format", "json"]
