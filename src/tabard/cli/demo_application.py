"""The demo's application: what runs on the instance. Plain boto3, no keys, no endpoint, no region in it."""

APPLICATION = """
import json, os, signal, sys, time, urllib.request
import boto3
from botocore.exceptions import ClientError

METADATA = os.environ.get("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://169.254.169.254")

def say(event, **more):
    print(json.dumps({"event": event, **more}), flush=True)

def metadata_key():
    base = METADATA.rstrip("/")
    ask = urllib.request.build_opener(urllib.request.ProxyHandler({})).open
    token = ask(urllib.request.Request(
        base + "/latest/api/token", method="PUT", headers={"X-aws-ec2-metadata-token-ttl-seconds": "60"}
    )).read().decode()
    path = base + "/latest/meta-data/iam/security-credentials/web"
    return json.load(ask(urllib.request.Request(path, headers={"X-aws-ec2-metadata-token": token})))

def main():
    session = boto3.Session()
    credentials = session.get_credentials()
    s3, dynamodb, sqs = (session.client(name) for name in ("s3", "dynamodb", "sqs"))
    say("credentials", method=credentials.method, access_key_id=credentials.access_key,
        metadata=METADATA, expires=metadata_key()["Expiration"],
        configured=[name for name in os.environ if "KEY" in name or "TOKEN" in name or "PROFILE" in name],
        metadata_is_configured="AWS_EC2_METADATA_SERVICE_ENDPOINT" in os.environ,
        arn=session.client("sts").get_caller_identity()["Arn"])

    s3.put_object(Bucket="reports", Key="public/today.txt", Body=b"all is well")
    body = s3.get_object(Bucket="reports", Key="public/today.txt")["Body"].read().decode()
    say("allowed-s3", what=f"s3 PutObject, GetObject reports/public/today.txt: {body!r}")
    dynamodb.put_item(TableName="orders", Item={"id": {"S": "1"}, "total": {"N": "42"}})
    item = dynamodb.get_item(TableName="orders", Key={"id": {"S": "1"}})["Item"]
    say("allowed-dynamodb", what=f"dynamodb PutItem, GetItem orders/1: total {item['total']['N']}")
    url = sqs.get_queue_url(QueueName="jobs")["QueueUrl"]
    sqs.send_message(QueueUrl=url, MessageBody="ship order 1")
    message = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=1)["Messages"][0]["Body"]
    say("allowed-sqs", what=f"sqs SendMessage, ReceiveMessage jobs: {message!r}")

    def secret():
        s3.put_object(Bucket="reports", Key="secret/plan.txt", Body=b"...")
    try:
        secret()
        say("failed", what="the application could write reports/secret/plan.txt")
    except ClientError as error:
        say("denied", what="s3 PutObject reports/secret/plan.txt",
            code=error.response["Error"]["Code"], message=error.response["Error"]["Message"])

    calls = failed = 0
    first, rotated = metadata_key()["AccessKeyId"], False
    while True:
        calls += 2
        try:
            s3.get_object(Bucket="reports", Key="public/today.txt")["Body"].read()
            fresh = boto3.Session()
            fresh.client("s3").get_object(Bucket="reports", Key="public/today.txt")["Body"].read()
        except Exception as error:
            failed += 1
            say("failed", what=repr(error))
        used = fresh.get_credentials().access_key
        if not rotated and used != first:
            rotated = True
            say("rotated", before=first, after=metadata_key()["AccessKeyId"], used=used,
                calls=calls, failed=failed)
        try:
            secret()
            say("now-allowed", what="s3 PutObject reports/secret/plan.txt", failed=failed,
                access_key_id=credentials.access_key)
            break
        except ClientError:
            time.sleep(0.2)

    # On termination: once more with the session that worked until now.
    def last_call(number, frame):
        try:
            s3.get_object(Bucket="reports", Key="public/today.txt")["Body"].read()
            say("failed", what="the session works after the instance was terminated")
        except ClientError as error:
            say("refused", what="s3 GetObject reports/public/today.txt", code=error.response["Error"]["Code"])
        sys.exit(0)

    signal.signal(signal.SIGTERM, last_call)
    say("ready")
    while True:
        time.sleep(60)

try:
    main()
except Exception as error:
    say("failed", what=repr(error))
    raise
"""
