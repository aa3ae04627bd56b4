# An HCL2 template as people have them for Packer: variables, locals, an interpolated script, a file, a package.
packer {
  required_plugins {
    amazon = { source = "github.com/hashicorp/amazon", version = ">= 1.2.0" }
  }
}

variable "app_version" {
  type    = string
  default = "1.4.2"
}

locals {
  timestamp = regex_replace(timestamp(), "[- TZ:]", "")
  folders   = [for name in ["releases", "shared"] : "/srv/app/${name}"]
}

source "amazon-ebs" "app" {
  ami_name      = "app-${var.app_version}-${local.timestamp}"
  instance_type = "t3.medium"
  source_ami    = "ami-12345678"
  ssh_username  = "admin"
}

build {
  sources = ["source.amazon-ebs.app"]

  provisioner "file" {
    source      = "files/motd"
    destination = "/tmp/motd"
  }

  provisioner "shell" {
    environment_vars = ["APP_VERSION=${var.app_version}"]
    script           = "setup.sh"
  }

  provisioner "shell" {
    inline = [
      "sudo mkdir -p ${join(" ", local.folders)}",
      "sudo apt-get update",
      "sudo apt-get install -y --no-install-recommends hello",
    ]
  }

  post-processor "manifest" {
    output = "packer-manifest.json"
  }
}
