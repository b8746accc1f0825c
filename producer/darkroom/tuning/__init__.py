"""Fine-tuning of image models on pictures of one subject: the data, the job on AWS, and what AWS still permits.

`captions`, `manifest`, `hyperparameters`, `estimate`, `permitted` and `jobs` are pure; `folder` reads pictures, `aws` asks AWS.
"""
