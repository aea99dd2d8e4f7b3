# nomad job run examples/container/postloop.nomad.hcl
job "postloop" {
  type = "service"

  group "postloop" {
    count = 2

    network {
      port "lookup" {
        to = 7007
      }
    }

    service {
      name     = "postloop-lookup"
      port     = "lookup"
      provider = "nomad"

      check {
        type     = "tcp"
        interval = "10s"
        timeout  = "2s"
      }
    }

    task "postloop" {
      driver       = "docker"
      user         = "65532:65532"
      kill_signal  = "SIGTERM"
      kill_timeout = "15s" # beyond service_stop_time_limit, which is 10s

      config {
        image           = "postloop:latest"
        ports           = ["lookup"]
        readonly_rootfs = true
        cap_drop        = ["all"]
        security_opt    = ["no-new-privileges"]
        pids_limit      = 64

        mount {
          type   = "tmpfs"
          target = "/run/postloop"
          tmpfs_options {
            mode = 1023 # 1777, in decimal
            size = 1048576
          }
        }
      }

      resources {
        cpu    = 50
        memory = 128
      }
    }
  }
}
