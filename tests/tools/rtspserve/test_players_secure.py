"""ffmpeg plays with passwords, through TLS and under SRTP, for ten seconds each, and loses no picture."""
import os
import subprocess

from camring_test import main
from players import PlayersTest, ffmpeg_command


class Secure(PlayersTest):
    def setUp(self):
        super().setUp()
        certificate, key = os.path.join(self.tmp, "cert.pem"), os.path.join(self.tmp, "key.pem")
        subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", key, "-out", certificate,
                        "-days", "2", "-subj", "/CN=localhost"], capture_output=True, check=True)
        passwords = os.path.join(self.tmp, "passwords")
        with open(passwords, "w") as file:
            file.write("viewer:secret\n")
        self.stream({"cam0.h264": "h264,500k"}, ["--listen-tls", "0", "--tls-cert", certificate, "--tls-key", key,
                                                 "--auth-file", passwords])
        self.secure = self.server.wait_line("serving rtsps://").split()[-1].replace("rtsps://", "rtsps://viewer:secret@")

    def with_user(self, user):
        return self.url("cam0.h264").replace("rtsp://", f"rtsp://{user}")

    def test_passwords_tls_and_srtp_by_ffmpeg(self):
        ways = {"rtsps": ("tcp", self.secure), "rtsps, SRTP over TCP": ("tcp", self.secure + "?srtp"),
                "rtsps, SRTP over UDP": ("udp", self.secure + "?srtp"), "rtsp": ("tcp", self.with_user("viewer:secret@"))}
        for name, result in self.play_all({name: ffmpeg_command(*way) for name, way in ways.items()}).items():
            with self.subTest(name):
                self.check_pictures(self.check_player(result), "cam0.h264")

    def test_no_picture_without_the_password(self):
        users = ("", "viewer:wrong@", "other:secret@")
        for user, result in self.play_all({user: ffmpeg_command("tcp", self.with_user(user)) for user in users}).items():
            with self.subTest(user):
                self.assertNotEqual(result.returncode, 0)
                self.assertIn("401", result.stderr.decode())
                self.assertEqual(result.stdout, b"")


if __name__ == "__main__":
    main()
