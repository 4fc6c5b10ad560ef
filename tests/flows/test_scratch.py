import pytest
from running_system import allow
pytestmark = pytest.mark.flow

def test_it(system, admin, instance_of, run_on_instance):
    import time
    t=time.time()
    i = instance_of(allow("s3:*"))
    print("launch", time.time()-t); t=time.time()
    c = i.session()
    print(c.credentials.method)
    print(c.client("sts").get_caller_identity(), time.time()-t); t=time.time()
    print(i.client("s3").list_buckets())
    print(run_on_instance("import boto3, json; print(json.dumps({'a': boto3.client('sts').get_caller_identity()['Arn']}))", allow("s3:*")), time.time()-t)
    print(i.environment())
