"""What an instance runs while everything around it fails: clients, which say at the end how they fared."""

APPLICATION = r'''
import json, os, subprocess, sys, threading, time

import boto3

UNTIL = time.time() + SECONDS
said = {"calls": {}, "failed": [], "keys": []}


def call(name, do):
    said["calls"][name] = said["calls"].get(name, 0) + 1
    try:
        return do()
    except Exception as error:
        said["failed"].append([time.time(), name, repr(error)[:500]])


def plain_boto3():
    """Clients made once, as applications make them; their credentials are refreshed by botocore alone."""
    s3, dynamodb, sqs = boto3.client("s3"), boto3.client("dynamodb"), boto3.client("sqs")
    while time.time() < UNTIL:
        call("s3 put", lambda: s3.put_object(Bucket=NAME, Key="live", Body=b"x"))
        call("s3 get", lambda: s3.get_object(Bucket=NAME, Key="live")["Body"].read())
        call("dynamodb", lambda: dynamodb.get_item(TableName=NAME, Key={"id": {"S": "1"}}))
        call("sqs", lambda: sqs.send_message(QueueUrl=QUEUE, MessageBody="m"))
        time.sleep(0.05)


def new_sessions():
    """Whoever starts now finds the newest keys, and they work."""
    while time.time() < UNTIL:
        session = boto3.Session()
        found = call("metadata", session.get_credentials)
        if found is None:
            said["failed"].append([time.time(), "metadata", "no credentials"])
        else:
            key = found.get_frozen_credentials().access_key
            if not said["keys"] or said["keys"][-1][1] != key:
                said["keys"].append([time.time(), key])
            call("new client", lambda: session.client("s3").head_object(Bucket=NAME, Key="live"))
        time.sleep(0.5)


def programs(name, command, **options):
    """A program that runs again and again, or once until the end."""
    while time.time() < UNTIL:
        said["calls"][name] = said["calls"].get(name, 0) + 1
        done = subprocess.run(command, capture_output=True, text=True, **options)
        if done.returncode:
            said["failed"].append([time.time(), name, (done.stdout + done.stderr)[-500:]])
        if name == "js":
            said["calls"]["js calls"] = done.stdout.count("ok")


JS = """
import { S3Client, GetObjectCommand } from "@aws-sdk/client-s3";
const s3 = new S3Client({ forcePathStyle: true });
while (Date.now() / 1000 < Number(process.argv[2])) {
  const answer = await s3.send(new GetObjectCommand({ Bucket: process.argv[1], Key: "live" }));
  await answer.Body.transformToString();
  console.log("ok");
  await new Promise((resolve) => setTimeout(resolve, 100));
}
"""
boto3.client("s3").put_object(Bucket=NAME, Key="live", Body=b"x")
paths = os.pathsep.join(sys.path)
cli = [sys.executable, "-m", "awscli", "s3api", "head-object", "--bucket", NAME, "--key", "live"]
threads = [
    threading.Thread(target=plain_boto3),
    threading.Thread(target=new_sessions),
    threading.Thread(target=programs, args=("cli", cli), kwargs={"env": {**os.environ, "PYTHONPATH": paths}}),
]
if NODE:
    js = [NODE, "--input-type=module", "-e", JS, NAME, str(UNTIL)]
    threads.append(threading.Thread(target=programs, args=("js", js), kwargs={"cwd": JS_FOLDER}))
for thread in threads:
    thread.start()
print("begun", flush=True)
for thread in threads:
    thread.join()
print(json.dumps(said))
'''


def application(*, seconds: float, name: str, queue: str, node: str, js_folder: str) -> str:
    """The program; `node` is empty where there is none."""
    given = {"SECONDS": seconds, "NAME": name, "QUEUE": queue, "NODE": node, "JS_FOLDER": js_folder}
    return "".join(f"{word} = {value!r}\n" for word, value in given.items()) + APPLICATION
